//! Accounts, contacts and invites.

use super::*;

fn told(replies: &[Reply]) -> Vec<String> {
    let word = |reply: &Reply| match reply {
        Reply::Contact(c) => format!("352 {} {:?}", c.name, c.standing),
        Reply::RequestAccepted(n) => format!("203 {n}"),
        Reply::RequestDismissed(n) => format!("204 {n}"),
        Reply::RequestSent(n) => format!("205 {n}"),
        Reply::RequestFrom(n) => format!("207 {n}"),
        other => format!("{other:?}"),
    };
    replies.iter().map(word).collect()
}

#[test]
fn a_request_is_asked_told_and_accepted_with_352_before_every_word() {
    let (mut w, a, b) = (World::new(), Person::new("alice"), Person::new("bob"));
    let (at_a, at_b) = (w.join(&a), w.join(&b));
    assert_eq!(told(&w.ask(at_a, &Request::Add(name("BOB")))), ["352 bob Asked", "205 bob"]);
    assert_eq!(told(&w.heard(at_b)), ["352 alice Asking", "207 alice"]);
    assert_eq!(told(&w.ask(at_b, &Request::Accept(name("alice")))), ["352 alice Mutual"]);
    assert_eq!(told(&w.heard(at_a)), ["352 bob Mutual", "203 bob"]);
    assert_eq!(w.ask(at_a, &Request::List(None)), [Reply::Contacts(vec![name("bob")])]);
    assert_eq!(told(&w.ask(at_a, &Request::Remove(name("bob")))), ["352 bob None"]);
    assert_eq!(told(&w.heard(at_b)), ["352 alice None"]);
}

#[test]
fn a_dismissed_asker_is_told_and_may_ask_again() {
    let (mut w, a, b) = (World::new(), Person::new("alice"), Person::new("bob"));
    let (at_a, at_b) = (w.join(&a), w.join(&b));
    w.ask(at_a, &Request::Add(name("bob")));
    w.heard(at_b);
    assert_eq!(told(&w.ask(at_b, &Request::Reject(name("alice")))), ["352 alice None"]);
    assert_eq!(told(&w.heard(at_a)), ["352 bob None", "204 bob"]);
    assert_eq!(told(&w.ask(at_a, &Request::Add(name("bob")))), ["352 bob Asked", "205 bob"]);
}

#[test]
fn each_impossible_act_says_why() {
    let (mut w, a, b) = (World::new(), Person::new("alice"), Person::new("bob"));
    let (at_a, at_b) = (w.join(&a), w.join(&b));
    assert_eq!(w.refused(at_a, &Request::Add(name("nobody"))), Why::NoSuchUser);
    assert_eq!(w.refused(at_a, &Request::Add(name("Alice"))), Why::Oneself);
    assert_eq!(w.refused(at_a, &Request::Accept(name("bob"))), Why::NoRequest);
    assert_eq!(w.refused(at_a, &Request::Reject(name("bob"))), Why::NoRequest);
    assert_eq!(w.refused(at_a, &Request::Remove(name("bob"))), Why::NotContact);
    assert_eq!(w.refused(at_a, &Request::List(Some(name("bob")))), Why::Other);
    w.ask(at_a, &Request::Add(name("bob")));
    assert_eq!(w.refused(at_a, &Request::Add(name("bob"))), Why::Already);
    w.heard(at_b);
    assert_eq!(w.refused(at_b, &Request::Add(name("alice"))), Why::Already, "a crossed request");
}

#[test]
fn requests_waiting_for_one_account_are_bounded() {
    let mut w = World::new();
    let (a, b) = (Person::new("alice"), Person::new("bob"));
    let (at_a, at_b) = (w.join(&a), w.join(&b));
    let asker = |n: usize| {
        let number = u16::try_from(n).unwrap().to_be_bytes();
        Fingerprint(sha256(&number))
    };
    for n in 0..crate::limits::REQUESTS_WAITING_MAX {
        let account = Account { fingerprint: asker(n), name: name(&format!("p{n}")), guest: false };
        w.store.add_account(&account);
        w.store.set_standing(&b.key(), &account.fingerprint, Standing::Asking);
        w.store.set_standing(&account.fingerprint, &b.key(), Standing::Asked);
    }
    assert_eq!(w.refused(at_a, &Request::Add(name("bob"))), Why::Limit);
    assert_eq!(w.heard(at_b), []);
    w.send(at_b, &Request::Reject(name("p0")));
    w.heard(at_b);
    assert_eq!(told(&w.ask(at_a, &Request::Add(name("bob")))), ["352 bob Asked", "205 bob"]);
}

#[test]
fn pending_requests_of_one_account_are_bounded() {
    let mut settings = settings();
    settings.limits.asks = crate::limits::Bucket { burst: 200, per_second: 1 };
    let mut w = World::with(settings);
    let a = Person::new("alice");
    let at_a = w.join(&a);
    for n in 0..=crate::limits::REQUESTS_PENDING_MAX {
        let account = Account {
            fingerprint: Fingerprint([u8::try_from(n).unwrap(); 32]),
            name: name(&format!("p{n}")),
            guest: false,
        };
        w.store.add_account(&account);
    }
    for n in 0..crate::limits::REQUESTS_PENDING_MAX {
        assert_eq!(w.ask(at_a, &Request::Add(name(&format!("p{n}")))).len(), 2);
    }
    let last = format!("p{}", crate::limits::REQUESTS_PENDING_MAX);
    assert_eq!(w.refused(at_a, &Request::Add(name(&last))), Why::Limit);
}

#[test]
fn whoever_asks_and_withdraws_without_end_is_slowed_down_over_all_connections() {
    let mut settings = settings();
    settings.limits.asks = crate::limits::Bucket { burst: 3, per_second: 1 };
    let (mut w, a, b) = (World::with(settings), Person::new("alice"), Person::new("bob"));
    let (mut at_a, at_b) = (w.join(&a), w.join(&b));
    for _ in 0..3 {
        w.send(at_a, &Request::Add(name("bob")));
        w.send(at_a, &Request::Remove(name("bob")));
        w.close(at_a);
        at_a = w.login(&a);
    }
    w.heard(at_b);
    assert_eq!(w.refused(at_a, &Request::Add(name("bob"))), Why::TooFast);
    assert_eq!(w.refused(at_a, &Request::Redeem(Redeem { token: [0; 16].into() })), Why::TooFast);
    assert_eq!(w.heard(at_b), []);
    w.wait(Duration::from_secs(1));
    assert_eq!(w.ask(at_a, &Request::Add(name("bob"))).len(), 2);
}

#[test]
fn everybody_one_can_know_fits_into_one_login() {
    use crate::hub::mail::OLM_BYTES_MAX;
    use crate::limits::{
        CONTACTS_MAX, GREETING_ENVELOPE_BYTES_MAX, OUT_QUEUE_BYTES_MAX, REQUESTS_WAITING_MAX,
    };
    let (mut w, a) = (World::new(), Person::new("alice"));
    let at_a = w.join(&a);
    w.close(at_a);
    const SECRET: [u8; 16] = [7; 16];
    let token = Token { hash: sha256(&SECRET), owner: Some(a.key()), expiry: None };
    w.store.add_token(&token);
    for n in 0..CONTACTS_MAX {
        let fingerprint = Fingerprint(sha256(&n.to_be_bytes()));
        let longest = format!("{:m>width$}", format!("-{n}"), width = crate::limits::NAME_CHARS_MAX);
        w.store.add_account(&Account { fingerprint, name: name(&longest), guest: false });
        w.store.add_entry(&fingerprint, &a.entry);
        let standing = if n < REQUESTS_WAITING_MAX { Standing::Asking } else { Standing::Mutual };
        w.store.set_standing(&a.key(), &fingerprint, standing);
        w.store.set_via_token(&a.key(), &fingerprint, &SECRET);
        if standing == Standing::Asking {
            let bytes = vec![0; GREETING_ENVELOPE_BYTES_MAX + OLM_BYTES_MAX].into();
            let greeting = Greeting {
                from: fingerprint,
                from_device: a.id(),
                device: a.id(),
                id: crate::id::MsgId([1; 16]),
                sealed: Sealed { kind: 0, bytes },
            };
            assert!(w.store.add_greeting(&a.key(), &greeting));
        }
    }
    let conn = w.open();
    w.send(conn, &hello());
    let mut said = 0;
    let mut bytes = Vec::new();
    encode_request(&a.auth(conn), &mut bytes);
    let now = w.now();
    w.hub.handle(Input::Bytes(conn, &bytes), now, &mut w.store);
    while let Some(output) = w.hub.poll() {
        if let Output::Stream(to, bytes) = output {
            assert_eq!(to, conn);
            said += bytes.len();
        }
    }
    // What else waits then, and what TLS adds, has its room too; more would close everybody who knows so many.
    assert!(said > CONTACTS_MAX * 100 && said <= OUT_QUEUE_BYTES_MAX * 7 / 8, "{said} bytes");
}

#[test]
fn presence_is_told_to_mutual_contacts_only_and_coalesced() {
    let (mut w, a, b, c) = (World::new(), Person::new("alice"), Person::new("bob"), Person::new("carol"));
    let (at_a, at_b) = w.friends(&a, &b);
    let at_c = w.join(&c);
    w.ask(at_c, &Request::Add(name("alice")));
    w.heard(at_a);
    w.close(at_b);
    let gone = ("bob".to_owned(), Standing::Mutual, Presence::Offline);
    assert_eq!(w.heard(at_a).iter().filter_map(contact).collect::<Vec<_>>(), [gone]);
    w.wait(Duration::from_secs(5));
    // Three comings and goings at once.
    for _ in 0..3 {
        let conn = w.login(&b);
        w.close(conn);
    }
    w.login(&b);
    w.wait(Duration::from_secs(5));
    let seen: Vec<_> = w.heard(at_a).iter().filter_map(contact).collect();
    assert_eq!(seen.last(), Some(&("bob".to_owned(), Standing::Mutual, Presence::Online)));
    assert!(seen.len() <= 8, "{seen:?}");
    w.close(at_a);
    w.wait(Duration::from_secs(5));
    assert_eq!(w.heard(at_c), [], "one who only asked learns nothing");
}

#[test]
fn a_restart_keeps_accounts_contacts_and_requests() {
    let (mut w, a, b, c) = (World::new(), Person::new("alice"), Person::new("bob"), Person::new("carol"));
    w.friends(&a, &b);
    let at_c = w.join(&c);
    w.ask(at_c, &Request::Add(name("bob")));
    w.restart();
    let conn = w.open();
    w.send(conn, &hello());
    let heard = w.ask(conn, &b.auth(conn));
    assert_eq!(told(&heard)[..1], ["LoggedIn(\"bob\")"]);
    let mut contacts = told(&heard)[1..3].to_vec();
    contacts.sort();
    assert_eq!(contacts, ["352 alice Mutual", "352 carol Asking"]);
    assert_eq!(told(&heard)[3..], ["207 carol"]);
}

#[test]
fn an_invite_admits_and_makes_both_contacts_also_while_its_maker_is_away() {
    let mut w = World::with(Settings { invite_only: true, ..settings() });
    let (a, b) = (Person::new("alice"), Person::new("bob"));
    let server_token = [7; 16];
    w.store.add_token(&Token { hash: sha256(&server_token), owner: None, expiry: None });
    let conn = w.open();
    w.send(conn, &hello());
    assert_eq!(w.heard(conn).len(), 2);
    assert_eq!(w.refused(conn, &a.register(None)), Why::InviteNeeded);
    assert_eq!(w.refused(conn, &a.register(Some([8; 16]))), Why::BadToken);
    assert_eq!(w.ask(conn, &a.register(Some(server_token))), []);
    w.send(conn, &a.auth(conn));
    let token = [9; 16];
    let invite = NewInvite { token_hash: sha256(&token).into(), life_secs: 7 * 24 * 3600 };
    let heard = w.ask(conn, &Request::NewInvite(invite));
    let parts = InviteParts { token_hash: sha256(&token).into(), host: "tincan.example".into(), port: 8462 };
    assert_eq!(heard, [Reply::Invite(parts)]);
    w.close(conn);

    let at_b = w.open();
    w.send(at_b, &hello());
    w.send(at_b, &b.register(Some(token)));
    let heard = w.ask(at_b, &b.auth(at_b));
    assert_eq!(told(&heard), ["LoggedIn(\"bob\")", "352 alice Mutual"]);
    let at_a = w.open();
    w.send(at_a, &hello());
    let heard = w.ask(at_a, &a.auth(at_a));
    let via = heard.iter().find_map(|reply| match reply {
        Reply::Contact(c) => c.via_token,
        _ => None,
    });
    assert_eq!(via, Some(token.into()));

    // Its maker has forgotten it by then, and would take the word for a forgery.
    w.close(at_a);
    w.wait(crate::limits::TOKEN_LIFE);
    let at_a = w.open();
    w.send(at_a, &hello());
    let heard = w.ask(at_a, &a.auth(at_a));
    assert!(heard.iter().any(|r| matches!(r, Reply::Contact(c) if c.via_token.is_none())), "{heard:?}");
}

#[test]
fn a_token_is_bounded_in_life_and_number_and_not_for_its_maker() {
    let (mut w, a, b) = (World::new(), Person::new("alice"), Person::new("bob"));
    let (at_a, at_b) = (w.join(&a), w.join(&b));
    let invite =
        |n: u8| Request::NewInvite(NewInvite { token_hash: sha256(&[n; 16]).into(), life_secs: u32::MAX });
    for n in 0..crate::limits::TOKENS_PER_ACCOUNT_MAX {
        assert_eq!(w.ask(at_a, &invite(u8::try_from(n).unwrap())).len(), 1);
    }
    assert_eq!(w.refused(at_a, &invite(99)), Why::Limit);
    assert_eq!(w.ask(at_a, &invite(0)).len(), 1, "the same again is the same invite");
    assert_eq!(w.refused(at_b, &invite(0)), Why::BadToken);
    let redeem = |n: u8| Request::Redeem(Redeem { token: [n; 16].into() });
    assert_eq!(w.refused(at_a, &redeem(0)), Why::Oneself);
    w.heard(at_a);
    assert_eq!(told(&w.ask(at_b, &redeem(0))), ["352 alice Mutual"]);
    assert_eq!(told(&w.heard(at_a)), ["352 bob Mutual"]);
    w.restart();
    w.wait(crate::limits::TOKEN_LIFE + Duration::from_secs(1));
    let at_b = w.login(&b);
    assert_eq!(w.refused(at_b, &redeem(1)), Why::BadToken);
}

#[test]
fn devices_and_keys_are_for_contacts_only() {
    let (mut w, a, b, c) = (World::new(), Person::new("alice"), Person::new("bob"), Person::new("carol"));
    let (at_a, at_b) = w.friends(&a, &b);
    let at_c = w.join(&c);
    let devices = Request::WantDevices(WantDevices { principal: b.principal() });
    let entries = vec![b.entry.clone()];
    assert_eq!(w.ask(at_a, &devices), [Reply::Devices(Devices { principal: b.principal(), entries })]);
    assert_eq!(w.refused(at_c, &devices), Why::NotContact);
    let prekey = Request::WantPrekey(WantPrekey { principal: b.principal(), device: b.id() });
    let answer = |prekey| Reply::Prekey(PrekeyFor { principal: b.principal(), device: b.id(), prekey });
    assert_eq!(w.ask(at_a, &prekey), [answer(None)]);
    let key = |n: u8| Prekey { key: [n; 32].into(), signature: [n; 64].into() };
    let prekeys = Prekeys { one_time: vec![key(1)], fallback: key(2) };
    assert_eq!(w.ask(at_b, &Request::Prekeys(prekeys)), []);
    assert_eq!(w.ask(at_a, &prekey), [answer(Some(key(1)))]);
    assert_eq!(w.ask(at_a, &prekey), [answer(Some(key(2)))]);
    assert_eq!(w.refused(at_c, &prekey), Why::NotContact);
    let stray = Request::WantPrekey(WantPrekey { principal: b.principal(), device: c.id() });
    let heard = w.ask(at_a, &stray);
    assert!(matches!(heard.as_slice(), [Reply::Prekey(PrekeyFor { prekey: None, .. })]), "{heard:?}");
    let many = Prekeys { one_time: vec![key(3); crate::limits::PREKEYS_MAX + 1], fallback: key(2) };
    assert_eq!(w.refused(at_b, &Request::Prekeys(many)), Why::Limit);
}

fn mail(to: &Person, devices: &[DeviceId]) -> Mail {
    let sealed = Sealed { kind: 1, bytes: vec![5; 100].into() };
    let copies = devices.iter().map(|device| Copy { device: *device, sealed: sealed.clone() }).collect();
    Mail { id: crate::id::MsgId([3; 16]), to: to.principal(), copies }
}

#[test]
fn mail_goes_to_the_devices_that_are_here_and_says_what_became_of_each() {
    let (mut w, a, b, c) = (World::new(), Person::new("alice"), Person::new("bob"), Person::new("carol"));
    let (at_a, at_b) = w.friends(&a, &b);
    let at_c = w.join(&c);
    let away = DeviceId([1; 16]);
    let heard = w.ask(at_a, &Request::Mail(mail(&b, &[b.id(), away])));
    let fates: Vec<_> = heard
        .iter()
        .filter_map(|reply| match reply {
            Reply::MailResult(result) => Some((result.device, result.fate)),
            _ => None,
        })
        .collect();
    assert_eq!(fates, [(b.id(), MailFate::Forwarded), (away, MailFate::Gone)]);
    let heard = w.heard(at_b);
    let [Reply::Mail(got)] = heard.as_slice() else { panic!("{heard:?}") };
    assert_eq!((got.from.clone(), got.device), (a.principal(), a.id()));
    assert_eq!(w.refused(at_c, &Request::Mail(mail(&b, &[b.id()]))), Why::NotContact);
    assert_eq!(w.refused(at_a, &Request::Mail(mail(&a, &[a.id()]))), Why::Oneself);
    assert_eq!(w.refused(at_a, &Request::Mail(mail(&b, &[b.id(), b.id()]))), Why::BadRequest);
    let mut huge = mail(&b, &[b.id()]);
    huge.copies[0].sealed.bytes = vec![0; 20 << 10].into();
    assert_eq!(w.refused(at_a, &Request::Mail(huge)), Why::Limit);
    assert_eq!(w.heard(at_b), []);
}

#[test]
fn mail_of_one_account_is_metered_over_its_connections() {
    let (mut w, a, b) = (World::new(), Person::new("alice"), Person::new("bob"));
    w.hub.mail = Buckets::new(crate::limits::Bucket { burst: 3, per_second: 1 }, 10);
    let (mut at_a, _) = w.friends(&a, &b);
    let message = Request::Mail(mail(&b, &[b.id()]));
    for _ in 0..3 {
        w.close(at_a);
        at_a = w.login(&a);
        assert!(matches!(w.ask(at_a, &message)[..], [Reply::MailResult(_)]));
    }
    assert_eq!(w.refused(at_a, &message), Why::TooFast);
    w.wait(Duration::from_secs(1));
    assert_eq!(w.ask(at_a, &message).iter().filter(|r| matches!(r, Reply::MailResult(_))).count(), 1);
}
