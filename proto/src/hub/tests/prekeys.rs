//! 305: who gets which key of a device, and how many.

use super::*;
use crate::limits::{PREKEYS_MAX, PREKEYS_PER_CONTACT};

const FALLBACK: u8 = 0xff;

fn publish(w: &mut World, conn: ConnId, one_time: core::ops::Range<u8>) {
    let prekey = |n: u8| Prekey { key: [n; 32].into(), signature: [0; 64].into() };
    let one_time = one_time.map(prekey).collect();
    w.send(conn, &Request::Prekeys(Prekeys { one_time, fallback: prekey(FALLBACK) }));
    w.heard(conn);
}

fn want(of: &Person) -> Request {
    Request::WantPrekey(WantPrekey { principal: of.principal(), device: of.id() })
}

/// Asks so often in a row; how many of the keys were one-time keys.
fn taken(w: &mut World, conn: ConnId, of: &Person, times: usize) -> usize {
    let mut taken = 0;
    for _ in 0..times {
        let heard = w.ask(conn, &want(of));
        let [Reply::Prekey(PrekeyFor { prekey: Some(prekey), .. })] = heard.as_slice() else {
            panic!("no key: {heard:?}")
        };
        taken += usize::from(*prekey.key != [FALLBACK; 32]);
    }
    taken
}

#[test]
fn one_contact_takes_a_few_one_time_keys_and_then_one_each_hour() {
    let (mut w, a, b) = (World::new(), Person::new("alice"), Person::new("bob"));
    let (at_a, at_b) = w.friends(&a, &b);
    publish(&mut w, at_b, 0..PREKEYS_MAX as u8);
    let few = PREKEYS_PER_CONTACT.burst as usize;
    assert_eq!(taken(&mut w, at_a, &b, 60), few);
    // Neither a new connection nor a new set of keys makes it more.
    w.close(at_a);
    let at_a = w.login(&a);
    publish(&mut w, at_b, 100..100 + PREKEYS_MAX as u8);
    assert_eq!(taken(&mut w, at_a, &b, 1), 0);
    w.wait(PREKEYS_PER_CONTACT.every);
    let at_a = w.login(&a);
    assert_eq!(taken(&mut w, at_a, &b, 9), 1);
    assert!(w.hub.check().is_ok());
}

#[test]
fn one_contacts_asking_is_not_anothers_nor_about_another_device() {
    let (mut w, a, b, c) = (World::new(), Person::new("alice"), Person::new("bob"), Person::new("carol"));
    let (at_a, at_b) = w.friends(&a, &b);
    let at_c = w.join(&c);
    for who in [&a, &b] {
        w.send(at_c, &Request::Add(who.name.clone()));
    }
    w.send(at_a, &Request::Accept(c.name.clone()));
    w.send(at_b, &Request::Accept(c.name.clone()));
    for (conn, keys) in [(at_a, 0..50), (at_b, 50..100)] {
        publish(&mut w, conn, keys);
    }
    w.heard(at_c);
    let few = PREKEYS_PER_CONTACT.burst as usize;
    assert_eq!(taken(&mut w, at_c, &b, 9), few);
    assert_eq!(taken(&mut w, at_c, &a, 9), few);
    assert_eq!(taken(&mut w, at_a, &b, 9), few);
}

#[test]
fn who_only_shares_a_call_takes_none() {
    let (mut w, a, b, c) = (World::new(), Person::new("alice"), Person::new("bob"), Person::new("carol"));
    let (at_a, at_b) = w.friends(&a, &b);
    let at_c = w.join(&c);
    w.send(at_c, &Request::Add(a.name.clone()));
    w.send(at_a, &Request::Accept(c.name.clone()));
    publish(&mut w, at_b, 0..50);
    w.ask(at_a, &Request::Call(vec![b.name.clone(), c.name.clone()]));
    for conn in [at_b, at_c] {
        w.ask(conn, &Request::AcceptCall(None));
    }
    for conn in [at_a, at_b, at_c] {
        w.wait(Duration::from_secs(1));
        w.heard(conn);
    }
    assert_eq!(taken(&mut w, at_c, &b, 9), 0, "carol and bob do not know each other");
    assert_eq!(taken(&mut w, at_a, &b, 1), 1);
}
