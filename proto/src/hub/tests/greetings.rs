//! What goes with a request, as the server sees it: kept with the request, one for each device, gone with it.

use super::*;
use crate::id::{MsgId, Principal};
use crate::limits::{
    DEVICES_MAX, ENTRY_BYTES_MAX, GREETING_ENVELOPE_BYTES_MAX, GREETINGS_AT_ONCE_MAX, MAIL_PER_ACCOUNT,
    OUT_QUEUE_BYTES_MAX, REQUESTS_WAITING_MAX,
};
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

/// As many who ask as can, each with the longest words there are and the longest list of devices; in the order in which
/// they are told.
fn crowd(w: &mut World, b: &Person) -> Vec<Fingerprint> {
    let mut crowd: Vec<_> =
        (0..REQUESTS_WAITING_MAX).map(|n| Fingerprint(sha256(&n.to_be_bytes()))).collect();
    crowd.sort();
    for (n, from) in crowd.iter().enumerate() {
        w.store.add_account(&Account { fingerprint: *from, name: name(&format!("p{n}")), guest: false });
        w.store.set_standing(&b.key(), from, Standing::Asking);
        w.store.set_standing(from, &b.key(), Standing::Asked);
        for _ in 0..DEVICES_MAX {
            let bytes = vec![0; ENTRY_BYTES_MAX].into();
            w.store.add_entry(from, &Signed { bytes, sshsig: Vec::new().into() });
        }
        assert!(w.store.add_greeting(&b.key(), &words_of(*from, b)));
    }
    crowd
}

fn words_of(from: Fingerprint, to: &Person) -> Greeting {
    let sealed = Sealed { kind: 0, bytes: vec![0; GREETING_ENVELOPE_BYTES_MAX + 512].into() };
    Greeting { from, from_device: to.id(), device: to.id(), id: MsgId([1; 16]), sealed }
}

fn senders(replies: &[Reply]) -> Vec<Fingerprint> {
    let sender = |reply: &Reply| match reply {
        Reply::Mail(MailFrom { from: Principal::Key(from), .. }) => Some(*from),
        _ => None,
    };
    replies.iter().filter_map(sender).collect()
}

/// Everything in one read, and the most that is to be written after it.
fn say_at_once(w: &mut World, conn: ConnId, requests: &[Request]) -> usize {
    let mut bytes = Vec::new();
    requests.iter().for_each(|request| encode_request(request, &mut bytes));
    let now = w.now();
    w.hub.handle(Input::Bytes(conn, &bytes), now, &mut w.store);
    let mut said = 0;
    while let Some(output) = w.hub.poll() {
        match output {
            Output::Stream(to, bytes) if to == conn => {
                said += bytes.len();
                w.hear(conn, &bytes);
            }
            other => assert!(!matches!(other, Output::Close(..)), "{other:?}"),
        }
    }
    said
}

#[test]
fn who_lists_somebodys_device_as_their_own_uses_up_none_of_its_keys() {
    let (mut w, b, mallory) = (World::new(), Person::new("bob"), Person::new("mallory"));
    let (at_b, at_m) = (w.join(&b), w.join(&mallory));
    let prekey = |n: u8| Prekey { key: [n; 32].into(), signature: [0; 64].into() };
    w.send(at_b, &Request::Prekeys(Prekeys { one_time: vec![prekey(1), prekey(2)], fallback: prekey(9) }));
    // Whoever may ask sees the device's keys, and an entry says only what its signer claims.
    let bytes = entry_bytes(&mallory.list.addition(&b.keys, 0));
    let sshsig = mallory.account.sign(DEVICE_NAMESPACE, &bytes);
    let entry = Signed { bytes: bytes.into(), sshsig: sshsig.into() };
    let stranger = w.open();
    w.send(stranger, &hello());
    let Request::Register(mut register) = mallory.register(None) else { panic!("a registration") };
    register.entry = entry;
    w.heard(stranger);
    assert_eq!(w.ask(stranger, &Request::Register(register)), []);
    let own = Request::WantPrekey(WantPrekey { principal: key(&mallory), device: b.id() });
    for _ in 0..3 {
        let heard = w.ask(at_m, &own);
        assert!(matches!(heard.as_slice(), [Reply::Prekey(given)] if given.prekey.is_none()), "{heard:?}");
    }
    w.send(at_b, &Request::Add(mallory.name.clone()));
    w.send(at_m, &Request::Accept(b.name.clone()));
    w.heard(at_m);
    let bobs = Request::WantPrekey(WantPrekey { principal: key(&b), device: b.id() });
    let heard = w.ask(at_m, &bobs);
    assert!(
        matches!(heard.as_slice(), [Reply::Prekey(given)] if given.prekey == Some(prekey(2))),
        "to a contact they are given as ever: {heard:?}"
    );
}

#[test]
fn what_strangers_say_comes_no_faster_than_a_device_asks_whose_it_is() {
    let (mut w, b) = (World::new(), Person::new("bob"));
    let at_b = w.join(&b);
    w.close(at_b);
    let crowd = crowd(&mut w, &b);
    let at_b = w.open();
    w.send(at_b, &hello());
    say_at_once(&mut w, at_b, &[b.auth(at_b)]);
    let mut told = senders(&w.heard(at_b));
    assert_eq!(told, crowd[..GREETINGS_AT_ONCE_MAX], "the first of them");
    // As a client does: it asks for the list of everybody whose words are new to it.
    let mut asked = 0;
    while asked < told.len() {
        let list =
            |from: &Fingerprint| Request::WantDevices(WantDevices { principal: Principal::Key(*from) });
        let questions: Vec<_> = told[asked..].iter().map(list).collect();
        asked = told.len();
        w.wait(Duration::from_secs(1));
        let said = say_at_once(&mut w, at_b, &questions);
        assert!(said <= OUT_QUEUE_BYTES_MAX * 3 / 4, "{said} bytes at once");
        told.extend(senders(&w.heard(at_b)));
    }
    assert_eq!(told, crowd, "and all of them in the end");
    assert_eq!(senders(&w.ask(at_b, &Request::Ping)), []);
}

#[test]
fn who_has_nothing_to_ask_is_told_the_rest_as_it_pings() {
    let (mut w, b) = (World::new(), Person::new("bob"));
    let at_b = w.join(&b);
    w.close(at_b);
    let crowd = crowd(&mut w, &b);
    let (first, last) = (crowd[0], crowd[REQUESTS_WAITING_MAX - 1]);
    let at_b = w.open();
    w.send(at_b, &hello());
    let mut told = senders(&w.ask(at_b, &b.auth(at_b)));
    // Asked anew meanwhile: who was told already is told at once, who was not is told in turn, and once.
    for from in [first, last] {
        w.store.set_standing(&b.key(), &from, Standing::None);
        w.store.set_standing(&b.key(), &from, Standing::Asking);
    }
    assert!(w.store.add_greeting(&b.key(), &words_of(last, &b)));
    for _ in 0..REQUESTS_WAITING_MAX.div_ceil(GREETINGS_AT_ONCE_MAX) {
        let heard = w.ask(at_b, &Request::Ping);
        assert_eq!(heard.last(), Some(&Reply::Pong));
        told.extend(senders(&heard));
    }
    assert_eq!(told, crowd);
}

#[test]
fn a_new_one_overtakes_none_that_are_still_to_be_said() {
    let (mut w, b) = (World::new(), Person::new("bob"));
    let at_b = w.join(&b);
    w.close(at_b);
    let crowd = crowd(&mut w, &b);
    // Two make room.
    for from in &crowd[100..102] {
        w.store.set_standing(&b.key(), from, Standing::None);
    }
    let at_b = w.login(&b);
    let somebody = |wanted: &dyn Fn(Fingerprint) -> bool| {
        (0..).map(|n| Person::new(&format!("late{n}"))).find(|person| wanted(person.key())).unwrap()
    };
    let passed = somebody(&|key| key < crowd[GREETINGS_AT_ONCE_MAX - 1]);
    let awaited = somebody(&|key| key > crowd[150]);
    for person in [&passed, &awaited] {
        let conn = w.join(person);
        w.send(conn, &Request::Add(b.name.clone()));
        w.send(conn, &greeting(&b, 1));
    }
    assert_eq!(senders(&w.heard(at_b)), [passed.key()]);
    let mut told = Vec::new();
    for _ in 0..REQUESTS_WAITING_MAX {
        told.extend(senders(&w.ask(at_b, &Request::Ping)));
    }
    assert_eq!(told.iter().filter(|from| **from == awaited.key()).count(), 1);
    assert!(told.is_sorted() && !told.contains(&passed.key()));
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
