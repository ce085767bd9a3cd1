//! The objects that scripts read: names, fields, and when each is printed.

use super::*;
use proto::client::EndReason;
use proto::id::{MsgId, Ssrc};
use proto::{Safe, Wall};

fn bob() -> Name {
    Name::parse("bob").unwrap()
}

fn carol() -> Name {
    Name::parse("carol").unwrap()
}

fn told(event: Event) -> Vec<Value> {
    Reporter::default().report(&Told::Client(event))
}

#[test]
fn events_have_the_names_and_fields_of_the_manual() {
    for (event, text) in [
        (Event::LoggedIn(bob()), r#"{"event":"login","name":"bob"}"#),
        (Event::Request(bob()), r#"{"event":"request","from":"bob"}"#),
        (
            Event::Greeting { from: bob(), text: Safe::line("we met") },
            r#"{"event":"greeting","from":"bob","text":"we met"}"#,
        ),
        (Event::Accepted(bob()), r#"{"event":"accepted","name":"bob"}"#),
        (Event::Rejected(bob()), r#"{"event":"rejected","name":"bob"}"#),
        (
            Event::Incoming { from: bob(), others: vec![carol()], guests: vec![carol()], plain: true },
            r#"{"event":"incoming_call","from":"bob","others":["carol"],"guests":["carol"],"plain":true}"#,
        ),
        (
            Event::Parted { who: bob(), reason: EndReason::Busy },
            r#"{"event":"call_parted","reason":"busy","who":"bob"}"#,
        ),
        (
            Event::PlainUnconfirmed(vec![bob(), carol()]),
            r#"{"event":"plain_unconfirmed","names":["bob","carol"]}"#,
        ),
        (Event::Ringing(bob()), r#"{"event":"call_ringing","to":"bob"}"#),
        (
            Event::Ended { with: vec![bob()], reason: EndReason::NoAnswer },
            r#"{"event":"call_ended","reason":"no_answer","with":"bob"}"#,
        ),
        (Event::Invite("tincan://h".into()), r#"{"event":"invite","url":"tincan://h"}"#),
        (
            Event::Refused {
                of: proto::client::Matter::Redeem,
                why: Why::NoSuchUser,
                text: Safe::line("nobody is called x"),
            },
            r#"{"code":"no_such_user","event":"error","of":"redeem","text":"nobody is called x"}"#,
        ),
        (
            Event::Refused {
                of: proto::client::Matter::Contact(bob()),
                why: Why::TooFast,
                text: Safe::line("too many requests"),
            },
            r#"{"code":"too_fast","event":"error","of":"contact","who":"bob","text":"too many requests"}"#,
        ),
        (
            Event::MessageState { to: bob(), id: MsgId([0xab; 16]), state: MessageState::Delivered },
            r#"{"event":"message_state","id":"abababababababababababababababab","state":"delivered","to":"bob"}"#,
        ),
    ] {
        assert_eq!(told(event)[0], serde_json::from_str::<Value>(text).unwrap());
    }
    let said = Event::Said { from: bob(), id: MsgId([1; 16]), sent: Wall(5), text: Safe::text("a\nb", 99) };
    let value = &told(said)[0];
    assert_eq!(
        (&value["event"], &value["from"], &value["text"]),
        (&json!("message"), &json!("bob"), &json!("a\nb"))
    );
    assert!(!value.to_string().contains('\n'), "one line for one event");
}

#[test]
fn presence_is_told_when_it_changes() {
    let mut reporter = Reporter::default();
    let contact = |standing, presence| {
        let principal = Principal::Guest(bob());
        ContactInfo::new(bob(), principal, standing, presence)
    };
    let info = |standing, presence| Told::Client(Event::Contact(contact(standing, presence)));
    assert!(reporter.report(&info(Standing::Asked, Presence::Offline)).is_empty());
    let first = reporter.report(&info(Standing::Mutual, Presence::Online));
    assert_eq!(first, [json!({ "event": "presence", "name": "bob", "state": "online" })]);
    assert!(reporter.report(&info(Standing::Mutual, Presence::Online)).is_empty());
    assert_eq!(reporter.report(&info(Standing::Mutual, Presence::InCall))[0]["state"], "in_call");
    // Bob left and came back while we were away; the list told the first half.
    let list = vec![contact(Standing::Mutual, Presence::Offline)];
    reporter.report(&Told::Client(Event::Contacts(list)));
    assert_eq!(reporter.report(&info(Standing::Mutual, Presence::InCall))[0]["state"], "in_call");
}

#[test]
fn who_joins_a_recorded_call_and_cannot_see_that_is_told() {
    let principal = Principal::Guest(carol());
    let guest = ContactInfo::new(carol(), principal, Standing::Mutual, Presence::Online);
    for (plain, records, told) in [(true, true, 2), (true, false, 1), (false, true, 1)] {
        let mut reporter = Reporter { server: Some(Fingerprint([1; 32])), ..Reporter::default() };
        let joined = |who, ssrc| Told::Client(Event::Joined { who, ssrc: Ssrc(ssrc), plain });
        reporter.report(&Told::Client(Event::Contact(guest.clone())));
        reporter.report(&joined(bob(), 7));
        if records {
            let on = ToolEvent::Recording(TapeState::On(Safe::line("a.opus")));
            reporter.report(&Told::Sound(SoundEvent::Tool(on)));
        }
        let dave = Name::parse("dave").unwrap();
        assert_eq!(reporter.report(&joined(dave, 8)).len(), 1, "dave is told");
        let values = reporter.report(&joined(carol(), 9));
        assert_eq!(values.len(), told, "{values:?}");
        if told == 2 {
            assert_eq!((&values[1]["event"], &values[1]["who"]), (&json!("untold"), &json!("carol")));
        }
    }
}

/// Whose program has no word for it is not recorded before whoever records said that they know.
#[test]
fn a_call_that_cannot_show_it_is_recorded_only_anyway() {
    let mut reporter = Reporter::default();
    assert_eq!(reporter.recordable(true).unwrap_err()["code"], "no_call");
    reporter.report(&Told::Client(Event::Joined { who: bob(), ssrc: Ssrc(7), plain: true }));
    let refused = reporter.recordable(false).unwrap_err();
    assert_eq!(refused["code"], "untold");
    assert!(refused["text"].as_str().unwrap().contains("record anyway"), "{refused}");
    assert_eq!(reporter.recordable(true).unwrap(), [bob()]);
    let mut reporter = Reporter::default();
    reporter.report(&Told::Client(Event::Joined { who: bob(), ssrc: Ssrc(7), plain: false }));
    assert_eq!(reporter.recordable(false).unwrap(), [bob()], "who is told by their program");
}

#[test]
fn status_follows_the_call() {
    let mut reporter = Reporter::default();
    assert_eq!(reporter.status()["call"], Value::Null);
    reporter.report(&Told::Client(Event::Calling { to: vec![bob()], plain: false }));
    let status = json!({ "with": "bob", "state": "calling", "plain": false, "joined": [] });
    assert_eq!(reporter.status()["call"], status);
    reporter.report(&Told::Client(Event::Ended { with: vec![bob()], reason: EndReason::Busy }));
    assert_eq!(reporter.status()["call"], Value::Null);
    let failed = SoundEvent::Microphone(HalfState::Failed { why: Safe::line("unplugged") });
    assert_eq!(reporter.report(&Told::Sound(failed))[0]["code"], "microphone");
    assert_eq!(reporter.status()["microphone"]["state"], "failed");
    let refused = SoundEvent::Refused(Safe::line("no card's"));
    let told = reporter.report(&Told::Sound(refused));
    assert_eq!((&told[0]["event"], &told[0]["code"]), (&json!("error"), &json!("device")));
    assert_eq!(reporter.status()["microphone"]["state"], "failed", "a refusal changes nothing");
}

#[test]
fn figures_are_told_when_they_are_wanted_and_the_end_sums_them_up() {
    let mut reporter = Reporter { now: Time::secs(5), ..Reporter::default() };
    reporter.report(&Told::Client(Event::Joined { who: bob(), ssrc: Ssrc(7), plain: false }));
    let second = || Told::Sound(SoundEvent::Statistics(Box::default()));
    assert_eq!(reporter.report(&second()), Vec::<Value>::new());
    assert_eq!(reporter.status()["statistics"]["wire_out"], 0);
    reporter.figures_wanted = true;
    let told = reporter.report(&second());
    assert_eq!((&told[0]["event"], &told[0]["blame"]["hop"]), (&json!("figures"), &json!("nobody")));
    let volume = reporter.report(&Told::Volume(bob(), 80));
    assert_eq!(volume, [json!({ "event": "volume", "who": "bob", "percent": 80 })]);
    assert_eq!(reporter.status()["call"]["volumes"], json!({ "bob": 80 }));
    reporter.now = Time::secs(65);
    let ended = Event::Ended { with: vec![bob()], reason: EndReason::TheyHungUp };
    let told = reporter.report(&Told::Client(ended));
    assert_eq!(
        (&told[0]["event"], &told[0]["summary"]["duration_us"]),
        (&json!("call_ended"), &json!(60_000_000))
    );
    assert_eq!(reporter.report(&second()), Vec::<Value>::new(), "of no call");
}

#[test]
fn the_first_who_joins_makes_the_call_and_each_is_told() {
    let mut reporter = Reporter::default();
    let mut told = |event| reporter.report(&Told::Client(event));
    // Whether it is encrypted says who joins, whatever was said before.
    told(Event::Calling { to: vec![bob(), carol()], plain: false });
    assert_eq!(
        told(Event::Joined { who: carol(), ssrc: Ssrc(9), plain: true }),
        [
            json!({ "event": "call_live", "with": "carol", "plain": true }),
            json!({ "event": "call_joined", "who": "carol" }),
        ]
    );
    let joined = told(Event::Joined { who: bob(), ssrc: Ssrc(7), plain: true });
    assert_eq!(joined, [json!({ "event": "call_joined", "who": "bob" })]);
    told(Event::Parted { who: carol(), reason: EndReason::TheyHungUp });
    let status = json!({ "with": "bob", "state": "live", "plain": true, "joined": ["bob"] });
    assert_eq!(reporter.status()["call"], status);
}
