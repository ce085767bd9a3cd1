//! The store on disk against the one of the simulator, and what becomes of files that are old, damaged or of the future.

use super::*;
use crate::testing::Scratch;
use proptest::prelude::*;
use proto::crypto::identity::{DeviceList, entry_bytes};
use proto::crypto::{DeviceKeys, device_id};
use proto::hub::Mem;

fn fp(n: u8) -> Fingerprint {
    Fingerprint([n; 32])
}

fn somebody(n: u8) -> Account {
    Account { fingerprint: fp(n), name: Name::parse(&format!("User{n}")).unwrap(), guest: n % 2 == 1 }
}

fn prekey(n: u8) -> Prekey {
    Prekey { key: [n; 32].into(), signature: [n; 64].into() }
}

fn signed(n: u8) -> Signed {
    Signed { bytes: vec![n, 1].into(), sshsig: vec![n, 2].into() }
}

fn greeting(from: u8, device: u8) -> Greeting {
    let sealed = Sealed { kind: 0, bytes: vec![from, device].into() };
    let (from_device, device) = (DeviceId([from; 16]), DeviceId([device; 16]));
    Greeting { from: fp(from), from_device, device, id: MsgId([from; 16]), sealed }
}

/// All that is kept for the device, one after the other.
fn greetings(store: &mut impl Store, account: u8, device: DeviceId) -> Vec<Greeting> {
    let mut all: Vec<Greeting> = Vec::new();
    let mut last = None;
    while let Some(next) = store.greeting_after(&fp(account), &device, last.as_ref()) {
        last = Some(next.from);
        all.push(next);
    }
    all
}

fn open(scratch: &Scratch) -> Sqlite {
    Sqlite::open(&scratch.path().join("s.db")).unwrap()
}

#[derive(Clone, Debug)]
enum Act {
    Account(u8),
    Remove(u8),
    Entry(u8, u8),
    Prekeys(u8, u8, u8),
    Take(u8, u8),
    Standing(u8, u8, Standing),
    Via(u8, u8),
    Greet(u8, u8, u8),
    Fallback(u8, u8),
    Revoke(u8, u8),
    Token(u8, Option<u8>, Option<u64>),
    Commit,
    Reopen,
}

fn act() -> impl Strategy<Value = Act> {
    let standing = prop_oneof![
        Just(Standing::None),
        Just(Standing::Asked),
        Just(Standing::Asking),
        Just(Standing::Mutual)
    ];
    prop_oneof![
        (0..5u8).prop_map(Act::Account),
        (0..5u8).prop_map(Act::Remove),
        (0..3u8, any::<u8>()).prop_map(|(a, n)| Act::Entry(a, n)),
        (0..2u8, 0..2u8, 0..4u8).prop_map(|(a, d, n)| Act::Prekeys(a, d, n)),
        (0..2u8, 0..2u8).prop_map(|(a, d)| Act::Take(a, d)),
        (0..4u8, 0..4u8, standing).prop_map(|(a, b, s)| Act::Standing(a, b, s)),
        (0..4u8, 0..4u8).prop_map(|(a, b)| Act::Via(a, b)),
        (0..4u8, 0..4u8, 0..2u8).prop_map(|(a, b, d)| Act::Greet(a, b, d)),
        (0..2u8, 0..2u8).prop_map(|(a, d)| Act::Fallback(a, d)),
        (0..2u8, 0..2u8).prop_map(|(a, d)| Act::Revoke(a, d)),
        (0..6u8, prop::option::of(0..3u8), prop::option::of(0..20u64))
            .prop_map(|(h, o, e)| Act::Token(h, o, e)),
        Just(Act::Commit),
        Just(Act::Reopen),
    ]
}

fn apply(act: &Act, store: &mut impl Store) -> Option<Prekey> {
    match act {
        Act::Account(n) => {
            if store.account(&fp(*n)).is_none() {
                store.add_account(&somebody(*n));
            }
        }
        Act::Remove(n) => store.remove_guest(&fp(*n)),
        Act::Entry(a, n) => store.add_entry(&fp(*a), &signed(*n)),
        Act::Prekeys(a, d, n) => {
            let one_time = (1..=*n).map(prekey).collect();
            store.put_prekeys(&fp(*a), &DeviceId([*d; 16]), &Prekeys { one_time, fallback: prekey(99) });
        }
        Act::Take(a, d) => return store.take_prekey(&fp(*a), &DeviceId([*d; 16])),
        Act::Standing(a, b, standing) => store.set_standing(&fp(*a), &fp(*b), *standing),
        Act::Via(a, b) => {
            if store.standing(&fp(*a), &fp(*b)) != Standing::None {
                store.set_via_token(&fp(*a), &fp(*b), &[*b; 16]);
            }
        }
        Act::Greet(a, b, d) => {
            if store.standing(&fp(*a), &fp(*b)) == Standing::Asking {
                store.add_greeting(&fp(*a), &greeting(*b, *d));
            }
        }
        Act::Fallback(a, d) => return store.fallback_prekey(&fp(*a), &DeviceId([*d; 16])),
        Act::Revoke(a, d) => store.forget_prekeys(&fp(*a), &DeviceId([*d; 16])),
        Act::Token(h, owner, expiry) => {
            store.add_token(&Token { hash: [*h; 32], owner: owner.map(fp), expiry: expiry.map(Wall) });
        }
        Act::Commit | Act::Reopen => {}
    }
    None
}

fn assert_same(a: &mut impl Store, b: &mut impl Store) {
    assert_eq!(a.account_count(), b.account_count());
    assert_eq!(a.guest_count(), b.guest_count());
    let unknown: Vec<BTreeSet<Fingerprint>> =
        vec![a.unknown_guests(99).into_iter().collect(), b.unknown_guests(99).into_iter().collect()];
    assert_eq!(unknown[0], unknown[1]);
    assert_eq!(a.unknown_guests(1).len(), b.unknown_guests(1).len());
    for n in 0..6 {
        assert_eq!(a.account(&fp(n)), b.account(&fp(n)));
        assert_eq!(a.account_named(&somebody(n).name), b.account_named(&somebody(n).name));
        assert_eq!(a.entries(&fp(n)), b.entries(&fp(n)));
        assert_eq!(a.contacts(&fp(n)), b.contacts(&fp(n)));
        assert_eq!(a.token(&[n; 32]), b.token(&[n; 32]));
        assert_eq!(a.tokens_of(&fp(n), Wall(10)), b.tokens_of(&fp(n), Wall(10)));
        for device in 0..2 {
            let device = DeviceId([device; 16]);
            assert_eq!(greetings(a, n, device), greetings(b, n, device));
        }
        for other in 0..6 {
            assert_eq!(a.standing(&fp(n), &fp(other)), b.standing(&fp(n), &fp(other)));
            assert_eq!(a.via_token(&fp(n), &fp(other)), b.via_token(&fp(n), &fp(other)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// The simulator's store is the definition of this one.
    #[test]
    fn it_is_what_the_simulator_believes(acts in prop::collection::vec(act(), 1..40)) {
        let scratch = Scratch::new();
        let (mut sqlite, mut mem) = (open(&scratch), Mem::default());
        for act in &acts {
            prop_assert_eq!(apply(act, &mut sqlite), apply(act, &mut mem));
            if matches!(act, Act::Commit | Act::Reopen) {
                sqlite.commit().unwrap();
            }
            if matches!(act, Act::Reopen) {
                drop(sqlite);
                sqlite = open(&scratch);
            }
        }
        assert_same(&mut sqlite, &mut mem);
        sqlite.commit().unwrap();
        assert_same(&mut open(&scratch), &mut mem);
    }
}

#[test]
fn a_turn_is_seen_by_itself_and_by_others_after_its_commit() {
    let scratch = Scratch::new();
    let (mut store, mut other) = (open(&scratch), open(&scratch));
    store.add_account(&somebody(1));
    assert_eq!(store.account(&fp(1)), Some(somebody(1)));
    assert_eq!(other.account(&fp(1)), None);
    store.commit().unwrap();
    assert_eq!(other.account(&fp(1)), Some(somebody(1)));
}

#[test]
fn what_was_not_committed_never_was() {
    let scratch = Scratch::new();
    let mut store = open(&scratch);
    store.add_account(&somebody(1));
    drop(store);
    assert_eq!(open(&scratch).account(&fp(1)), None);
}

#[test]
fn the_first_failure_is_told_and_nothing_of_its_turn_is_kept() {
    let scratch = Scratch::new();
    let mut store = open(&scratch);
    store.add_account(&somebody(1));
    store.db.execute_batch("DROP TABLE token").unwrap();
    store.add_token(&Token { hash: [1; 32], owner: None, expiry: None });
    store.add_account(&somebody(2));
    assert_eq!(store.account(&fp(1)), None, "after a failure nothing is believed");
    let said = format!("{:#}", store.commit().unwrap_err());
    assert!(said.contains("token"), "the first failure is the one that is told: {said}");
    drop(store);
    assert_eq!(open(&scratch).account(&fp(1)), None);
}

#[test]
fn a_servers_token_is_replaced_while_the_server_runs() {
    let scratch = Scratch::new();
    let (mut server, mut command) = (open(&scratch), open(&scratch));
    server.replace_server_token(&[1; 32]).unwrap();
    server.add_token(&Token { hash: [7; 32], owner: Some(fp(1)), expiry: None });
    server.commit().unwrap();
    command.replace_server_token(&[2; 32]).unwrap();
    assert_eq!(server.token(&[1; 32]), None);
    assert!(server.token(&[2; 32]).is_some() && server.token(&[7; 32]).is_some());
}

#[test]
fn a_file_of_the_first_version_is_brought_on_with_everybody_in_it() {
    let scratch = Scratch::new();
    let path = scratch.path().join("s.db");
    let db = Connection::open(&path).unwrap();
    db.execute_batch(MIGRATIONS[0]).unwrap();
    db.execute("INSERT INTO account VALUES (?, 'Alice', 'alice')", [[1; 32]]).unwrap();
    db.execute("INSERT INTO contact VALUES (?, ?, 3, NULL)", [[1; 32], [2; 32]]).unwrap();
    db.pragma_update(None, "user_version", 1).unwrap();
    drop(db);
    let mut store = open(&scratch);
    let alice = Account { fingerprint: fp(1), name: Name::parse("Alice").unwrap(), guest: false };
    assert_eq!(store.account_named(&alice.name), Some(alice));
    assert_eq!(store.standing(&fp(1), &fp(2)), Standing::Mutual);
    assert_eq!((store.account_count(), store.guest_count()), (1, 0));
}

#[test]
fn what_goes_with_a_request_is_in_a_file_that_had_no_place_for_it() {
    let scratch = Scratch::new();
    let db = Connection::open(scratch.path().join("s.db")).unwrap();
    db.execute_batch(&MIGRATIONS[..2].concat()).unwrap();
    db.execute("INSERT INTO contact VALUES (?, ?, 2, NULL)", [[1; 32], [2; 32]]).unwrap();
    db.pragma_update(None, "user_version", 2).unwrap();
    drop(db);
    let mut store = open(&scratch);
    assert!(store.add_greeting(&fp(1), &greeting(2, 7)));
    assert!(!store.add_greeting(&fp(1), &greeting(2, 7)), "one for each device");
    assert!(store.add_greeting(&fp(1), &greeting(2, 8)));
    store.commit().unwrap();
    drop(store);
    let mut store = open(&scratch);
    assert_eq!(greetings(&mut store, 1, DeviceId([7; 16])), [greeting(2, 7)]);
    for answer in [Standing::Mutual, Standing::None] {
        store.set_standing(&fp(1), &fp(2), answer);
        assert_eq!(greetings(&mut store, 1, DeviceId([7; 16])), [], "it goes with the request");
        store.set_standing(&fp(1), &fp(2), Standing::Asking);
        assert!(store.add_greeting(&fp(1), &greeting(2, 7)));
    }
}

#[test]
fn the_keys_in_a_file_that_knew_them_by_device_are_those_of_who_listed_it_first() {
    let scratch = Scratch::new();
    let db = Connection::open(scratch.path().join("s.db")).unwrap();
    db.execute_batch(&MIGRATIONS[..3].concat()).unwrap();
    let keys = DeviceKeys { ed25519: [1; 32], curve25519: [2; 32] };
    let (device, unlisted) = (device_id(&keys), DeviceId([9; 16]));
    let (owner, copier) = (fp(7), fp(3));
    for account in [owner, copier] {
        let entry = entry_bytes(&DeviceList::new(account).addition(&keys, 0));
        let row = params![account.0, entry];
        db.execute("INSERT INTO entry VALUES (?, 0, ?, x'00')", row).unwrap();
    }
    for (device, place, n, taken) in
        [(device, 0, 99_u8, false), (device, 1, 1, false), (device, 2, 2, true), (unlisted, 0, 5, false)]
    {
        let row = params![device.0, place, [n; 32], [n; 64], taken];
        db.execute("INSERT INTO prekey VALUES (?, ?, ?, ?, ?)", row).unwrap();
    }
    db.pragma_update(None, "user_version", 3).unwrap();
    drop(db);
    let mut store = open(&scratch);
    assert_eq!(store.take_prekey(&copier, &device), None);
    assert_eq!(store.take_prekey(&owner, &device), Some(prekey(1)), "2 was given out already");
    assert_eq!(store.take_prekey(&owner, &device), Some(prekey(99)));
    let left = "SELECT count(*) FROM prekey";
    assert_eq!(store.db.query_row(left, [], |row| row.get::<_, i64>(0)), Ok(3), "and nobody's are gone");
    let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'prekey_of_device'";
    assert_eq!(store.db.query_row(tables, [], |row| row.get::<_, i64>(0)), Ok(0));
}

#[test]
fn a_damaged_file_is_named_and_kept() {
    let scratch = Scratch::new();
    let path = scratch.path().join("s.db");
    for junk in [vec![0xa5; 8192], b"SQLite format 3\0 and then nothing of the kind".to_vec()] {
        std::fs::write(&path, &junk).unwrap();
        let said = format!("{:#}", Sqlite::open(&path).unwrap_err());
        assert!(said.contains("s.db"), "{said}");
        assert_eq!(std::fs::read(&path).unwrap(), junk);
    }
}

#[test]
fn a_later_version_is_not_touched() {
    let scratch = Scratch::new();
    open(&scratch).db.execute_batch("PRAGMA user_version = 999").unwrap();
    let said = format!("{:#}", Sqlite::open(&scratch.path().join("s.db")).unwrap_err());
    assert!(said.contains("later version"), "{said}");
}

#[test]
fn tokens_long_past_their_time_are_forgotten() {
    let scratch = Scratch::new();
    let mut store = open(&scratch);
    let day = |n: u64| Some(Wall(n * 24 * 3_600_000));
    store.add_token(&Token { hash: [1; 32], owner: Some(fp(1)), expiry: day(10) });
    store.add_token(&Token { hash: [2; 32], owner: Some(fp(2)), expiry: day(10) });
    store.add_token(&Token { hash: [3; 32], owner: Some(fp(1)), expiry: day(17) });
    assert!(store.token(&[1; 32]).is_some(), "it may have been valid a moment ago");
    store.add_token(&Token { hash: [4; 32], owner: Some(fp(1)), expiry: day(18) });
    assert_eq!(store.token(&[1; 32]), None);
    assert!(store.token(&[2; 32]).is_some() && store.token(&[3; 32]).is_some());
}
