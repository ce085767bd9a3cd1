//! What goes with a request, as the server sees it: kept with the request, one for each device, gone with it.

use super::*;
use crate::id::{MsgId, Principal};
use crate::limits::{GREETING_ENVELOPE_BYTES_MAX, MAIL_PER_ACCOUNT};
use crate::wire::record::{Copy, Mail, MailFate, MailFrom, Prekey, Prekeys, Sealed, WantDevices, WantPrekey};

fn sealed(byte: u8) -> Sealed {
    Sealed { kind: 0, bytes: vec![byte; 700].into() }
}

fn key(of: &Person) -> Principal {
    Principal::Key(of.key())
}

fn greeting(to: &Person, byte: u8) -> Request {
    let copies = vec![Copy { device: to.id(), sealed: sealed(byte) }];
    Request::Mail(Mail { id: MsgId([byte; 16]), to: key(to), copies })
}

fn from(who: &Person, byte: u8) -> Reply {
    Reply::Mail(MailFrom { id: MsgId([byte; 16]), from: key(who), device: who.id(), sealed: sealed(byte) })
}

fn fates(replies: &[Reply]) -> Vec<MailFate> {
    let fate = |reply: &Reply| if let Reply::MailResult(result) = reply { Some(result.fate) } else { None };
    replies.iter().filter_map(fate).collect()
}

fn mails(replies: &[Reply]) -> Vec<&Reply> {
    replies.iter().filter(|reply| matches!(reply, Reply::Mail(_))).collect()
}

/// Alice asks bob; both are there.
fn asked(w: &mut World, a: &Person, b: &Person) -> (ConnId, ConnId) {
    let (at_a, at_b) = (w.join(a), w.join(b));
    w.ask(at_a, &Request::Add(b.name.clone()));
    w.heard(at_b);
    (at_a, at_b)
}

#[test]
fn it_goes_with_the_request_at_once_and_after_every_login_until_it_is_answered() {
    let (mut w, a, b) = (World::new(), Person::new("alice"), Person::new("bob"));
    let (at_a, at_b) = asked(&mut w, &a, &b);
    assert_eq!(fates(&w.ask(at_a, &greeting(&b, 1))), [MailFate::Kept]);
    assert_eq!(w.heard(at_b), [from(&a, 1)]);
    w.close(at_b);
    w.restart();
    for _ in 0..2 {
        let at_b = w.open();
        w.send(at_b, &hello());
        w.send(at_b, &b.auth(at_b));
        let heard = w.heard(at_b);
        let request = heard.iter().position(|r| *r == Reply::RequestFrom(a.name.clone())).unwrap();
        let greeting = heard.iter().position(|r| *r == from(&a, 1)).unwrap();
        assert!(request < greeting, "who it is from was told before");
    }
    let at_b = w.login(&b);
    w.ask(at_b, &Request::Reject(a.name.clone()));
    let at_b = w.open();
    w.send(at_b, &hello());
    w.send(at_b, &b.auth(at_b));
    assert_eq!(mails(&w.heard(at_b)), [] as [&Reply; 0], "it is gone with the request");
}

#[test]
fn the_first_is_the_only_one_and_its_fate_tells_nothing() {
    let (mut w, a, b) = (World::new(), Person::new("alice"), Person::new("bob"));
    let (at_a, at_b) = asked(&mut w, &a, &b);
    w.ask(at_a, &greeting(&b, 1));
    w.heard(at_b);
    assert_eq!(fates(&w.ask(at_a, &greeting(&b, 2))), [MailFate::Kept], "as if it were");
    assert_eq!(w.heard(at_b), [], "but nobody hears of it");
    w.close(at_b);
    assert_eq!(fates(&w.ask(at_a, &greeting(&b, 3))), [MailFate::Kept], "whether they are there or not");
    // Asked anew, one may say something anew.
    w.ask(at_a, &Request::Remove(b.name.clone()));
    w.ask(at_a, &Request::Add(b.name.clone()));
    w.ask(at_a, &greeting(&b, 4));
    let at_b = w.open();
    w.send(at_b, &hello());
    w.send(at_b, &b.auth(at_b));
    assert_eq!(mails(&w.heard(at_b)), [&from(&a, 4)]);
}

#[test]
fn only_who_asks_can_say_it_and_only_for_devices_there_are() {
    let (mut w, a, b, c) = (World::new(), Person::new("alice"), Person::new("bob"), Person::new("carol"));
    let (at_a, at_b) = asked(&mut w, &a, &b);
    let at_c = w.join(&c);
    assert_eq!(w.refused(at_c, &greeting(&b, 1)), Why::NotContact);
    assert_eq!(w.refused(at_b, &greeting(&a, 1)), Why::NotContact, "the asked answers with a yes or a no");
    let mut elsewhere = greeting(&b, 1);
    if let Request::Mail(mail) = &mut elsewhere {
        mail.copies[0].device = DeviceId([9; 16]);
    }
    assert_eq!(fates(&w.ask(at_a, &elsewhere)), [MailFate::Gone]);
    let mut large = greeting(&b, 1);
    if let Request::Mail(mail) = &mut large {
        mail.copies[0].sealed.bytes = vec![0; GREETING_ENVELOPE_BYTES_MAX + 513].into();
    }
    assert_eq!(w.refused(at_a, &large), Why::Limit);
    assert_eq!(w.heard(at_b), []);
}

#[test]
fn it_counts_like_every_sealed_message() {
    let (mut w, a, b) = (World::new(), Person::new("alice"), Person::new("bob"));
    let (at_a, _) = asked(&mut w, &a, &b);
    for _ in 0..MAIL_PER_ACCOUNT.burst {
        w.send(at_a, &greeting(&b, 1));
    }
    assert_eq!(w.refused(at_a, &greeting(&b, 1)), Why::TooFast);
}

#[test]
fn who_asks_gets_the_list_and_the_fallback_key_and_the_asked_gets_the_list() {
    let (mut w, a, b, c) = (World::new(), Person::new("alice"), Person::new("bob"), Person::new("carol"));
    let (at_a, at_b) = (w.join(&a), w.join(&b));
    let at_c = w.join(&c);
    let prekey = |n: u8| Prekey { key: [n; 32].into(), signature: [0; 64].into() };
    w.send(at_b, &Request::Prekeys(Prekeys { one_time: vec![prekey(1)], fallback: prekey(9) }));
    let list = |of: &Person| Request::WantDevices(WantDevices { principal: key(of) });
    let want = Request::WantPrekey(WantPrekey { principal: key(&b), device: b.id() });
    assert_eq!(w.refused(at_a, &list(&b)), Why::NotContact, "strangers see nothing");
    w.ask(at_a, &Request::Add(b.name.clone()));
    let given = |heard: &[Reply]| match heard {
        [Reply::Prekey(given)] => given.prekey.as_ref().map(|prekey| prekey.key[0]),
        other => panic!("{other:?}"),
    };
    for _ in 0..3 {
        assert_eq!(given(&w.ask(at_a, &want)), Some(9), "an asker uses up nothing");
    }
    for (conn, of) in [(at_a, &b), (at_b, &a)] {
        let heard = w.ask(conn, &list(of));
        let devices = |r: &Reply| matches!(r, Reply::Devices(d) if d.entries.len() == 1);
        assert!(heard.iter().any(devices), "{heard:?}");
    }
    let back = Request::WantPrekey(WantPrekey { principal: key(&a), device: a.id() });
    assert_eq!(w.refused(at_b, &back), Why::NotContact, "there is nothing to write before the yes");
    assert_eq!(w.refused(at_c, &list(&b)), Why::NotContact);
    w.ask(at_b, &Request::Accept(a.name.clone()));
    w.heard(at_a);
    assert_eq!(given(&w.ask(at_a, &want)), Some(1), "a contact gets one of its own");
}
