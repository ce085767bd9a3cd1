//! When our key is made anew: by the clock, for who left, for a device that is revoked, and not while we are away.

use super::*;
use crate::limits::KEY_ANSWER_MAX;
use crate::wire::record::DeviceAct;

fn reconnect(crowd: &mut Crowd) {
    let peer: SocketAddr = "198.51.100.1:8462".parse().unwrap();
    crowd.stage.splitter = Splitter::full();
    crowd.stage.input(Input::LinkUp(LinkUp { exporter: [5; 32], server_key: SERVER, peer }));
    let software = "test".into();
    let hello = ServerHello { version: 1, software, udp_port: 8462, payload_max: 65_536, invite_only: false };
    crowd.stage.hear(&Reply::Hello(hello));
    crowd.stage.hear(&Reply::LoggedIn(name("alice")));
}

fn revoke(friend: &mut Friend) {
    let mut list = DeviceList::new(friend.key.fingerprint());
    list.append(&friend.entries[0]).unwrap();
    let mut entry = list.addition(&friend.device.keys(), 2);
    entry.act = DeviceAct::Revoke;
    let bytes = entry_bytes(&entry);
    let sshsig = friend.key.sign(DEVICE_NAMESPACE, &bytes);
    friend.entries.push(Signed { bytes: bytes.into(), sshsig: sshsig.into() });
}

#[test]
fn keys_are_renewed_every_hour() {
    let mut crowd = Crowd::of_three();
    crowd.sealed();
    crowd.told();
    crowd.pass(SENDER_KEY_LIFE);
    assert!(crowd.told().contains(&CallCommand::Renew(CALL)));
    crowd.agent_key(1, 0);
    assert_eq!(crowd.sealed(), [("bob", keyed(1, 0, 0xa0)), ("carol", keyed(1, 0, 0xa0))]);
}

#[test]
fn while_we_are_away_no_key_is_made_that_nobody_could_be_told() {
    for leaver in [false, true] {
        let mut crowd = Crowd::of_three();
        crowd.sealed();
        crowd.stage.input(Input::LinkDown);
        crowd.told();
        if leaver {
            crowd.stage.input(Input::Agent(CallEvent::HungUp { call: CALL, ssrc: Ssrc(3) }));
        }
        crowd.stage.wait(SENDER_KEY_LIFE);
        assert!(!crowd.told().contains(&CallCommand::Renew(CALL)), "leaver {leaver}");
        let due = crowd.stage.client.deadline();
        assert!(due.is_none_or(|due| due > crowd.stage.now.mono), "it is not asked for without end");
        reconnect(&mut crowd);
        crowd.stage.asked.clear();
        assert!(crowd.told().contains(&CallCommand::Renew(CALL)), "leaver {leaver}");
        crowd.agent_key(1, 0);
        let to: Vec<_> = crowd.sealed().into_iter().map(|(who, _)| who).collect();
        assert_eq!(to, if leaver { vec!["bob"] } else { vec!["bob", "carol"] });
    }
}

#[test]
fn a_question_for_a_key_that_was_dropped_is_asked_anew() {
    let mut crowd = Crowd::of_three();
    crowd.told();
    crowd.state("carol", MemberState::Left);
    assert_eq!(crowd.told().last(), Some(&CallCommand::Renew(CALL)));
    crowd.pass(KEY_ANSWER_MAX);
    assert_eq!(crowd.told(), [CallCommand::Renew(CALL)]);
    crowd.agent_key(1, 0);
    crowd.pass(KEY_ANSWER_MAX);
    assert_eq!(crowd.told(), [], "answered");
}

#[test]
fn a_device_that_is_revoked_in_a_call_is_out_and_keys_are_renewed() {
    let mut crowd = Crowd::calling();
    crowd.stage.bob_says(accept(1));
    crowd.agent_key(0, 0);
    crowd.carol_says(accept(2));
    crowd.agent_key(0, 1);
    crowd.stage.forget();
    revoke(&mut crowd.carol);
    let list_head = crowd.carol.entries.last().map(|entry| entry_hash(entry).into());
    let (principal, who) = (crowd.carol.principal(), name("carol"));
    let contact = crowd.stage.bob.contact(Standing::Mutual);
    let contact = Contact { principal: principal.clone(), name: who.clone(), list_head, ..contact };
    crowd.stage.hear(&Reply::Contact(Box::new(contact)));
    let entries = crowd.carol.entries.clone();
    crowd.stage.hear(&Reply::Devices(Devices { principal, entries }));
    assert!(crowd.stage.events().contains(&Event::Parted { who, reason: EndReason::Gone }));
    assert_eq!(crowd.told(), [CallCommand::Deafen { call: CALL, ssrc: Ssrc(3) }, CallCommand::Renew(CALL)]);
    crowd.agent_key(1, 0);
    assert_eq!(crowd.sealed(), [("bob", keyed(1, 0, 0xa0))]);
}

#[test]
fn a_call_of_a_device_that_is_revoked_rings_no_longer() {
    let mut stage = Stage::ringing();
    revoke(&mut stage.bob);
    let (contact, list) = (stage.bob.contact(Standing::Mutual), stage.bob.list());
    stage.hear(&Reply::Contact(Box::new(contact)));
    stage.hear(&list);
    let ended = Event::Ended { with: vec![name("bob")], reason: EndReason::Missed };
    assert!(stage.events().contains(&ended), "{:?}", stage.events());
}
