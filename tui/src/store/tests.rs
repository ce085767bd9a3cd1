//! What is kept comes back, and only that.

use super::*;
use crate::testing::Scratch;

fn save(kind: Kind, key: &[u8], value: Option<&[u8]>) -> Save {
    Save { kind, key: key.to_vec(), value: value.map(<[u8]>::to_vec) }
}

fn line(n: u8, mine: bool) -> ChatLine {
    ChatLine { id: MsgId([n; 16]), mine, sent: Wall(n.into()), text: format!("{n}"), fate: Fate::Waiting }
}

fn known(name: &str, who: &Principal) -> BTreeMap<Name, Principal> {
    BTreeMap::from([(Name::parse(name).unwrap(), who.clone())])
}

#[test]
fn rows_come_back_as_saved() {
    let scratch = Scratch::new("rows");
    let path = scratch.path().join("store.db");
    let mut store = Store::open(&path).unwrap();
    assert!(store.is_new().unwrap());
    for one in [
        save(Kind::Session, b"b", Some(b"1")),
        save(Kind::Session, b"a", Some(b"2")),
        save(Kind::Profile, b"", Some(b"p")),
        save(Kind::Session, b"b", Some(b"3")),
        save(Kind::Session, b"a", None),
    ] {
        store.save(&one).unwrap();
    }
    store.commit().unwrap();
    drop(store);
    let row = |kind, key: &[u8], value: &[u8]| Row { kind, key: key.to_vec(), value: value.to_vec() };
    let expected = [row(Kind::Profile, b"", b"p"), row(Kind::Session, b"b", b"3")];
    assert_eq!(Store::open(&path).unwrap().rows().unwrap(), expected);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn what_was_not_committed_was_never_there() {
    let scratch = Scratch::new("uncommitted");
    let path = scratch.path().join("store.db");
    let mut store = Store::open(&path).unwrap();
    store.save(&save(Kind::Profile, b"", Some(b"kept"))).unwrap();
    store.commit().unwrap();
    store.save(&save(Kind::Profile, b"", Some(b"lost"))).unwrap();
    drop(store);
    let rows = Store::open(&path).unwrap().rows().unwrap();
    assert_eq!(rows[0].value, b"kept");
}

#[test]
fn chats_keep_their_order_and_fates() {
    let scratch = Scratch::new("chat");
    let mut store = Store::open(&scratch.path().join("store.db")).unwrap();
    let bob = Principal::Key(Fingerprint([1; 32]));
    for n in [3, 1, 2] {
        store.add_line(&bob, &line(n, true)).unwrap();
    }
    store.add_line(&bob, &line(3, true)).unwrap();
    store.add_line(&Principal::Guest(Name::parse("bob").unwrap()), &line(9, false)).unwrap();
    store.set_fate(&bob, MsgId([1; 16]), Fate::Delivered).unwrap();
    store.commit().unwrap();
    let told = store.chat(&bob, 2).unwrap();
    assert_eq!(told.iter().map(|l| l.id.0[0]).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((told[0].fate, told[1].fate), (Fate::Delivered, Fate::Waiting));
}

#[test]
fn volumes_are_kept_by_who_somebody_is() {
    let scratch = Scratch::new("volume");
    let path = scratch.path().join("store.db");
    let (key, other) = (Principal::Key(Fingerprint([1; 32])), Principal::Key(Fingerprint([2; 32])));
    let guest = Principal::Guest(Name::parse("Gina").unwrap());
    let mut store = Store::open(&path).unwrap();
    for (who, percent) in [(&key, 80), (&guest, 150), (&key, 70)] {
        store.set_volume(who, percent).unwrap();
    }
    store.commit().unwrap();
    store.sqlite.execute("UPDATE volume SET percent = 9999 WHERE who LIKE '~%'", []).unwrap();
    drop(store);
    let store = Store::open(&path).unwrap();
    let volume = |who| store.volume(who).unwrap();
    assert_eq!((volume(&key), volume(&other)), (Some(70), None));
    assert_eq!(volume(&Principal::Guest(Name::parse("gina").unwrap())), Some(VOLUME_PERCENT_MAX));
}

#[test]
fn a_store_of_the_first_version_is_brought_to_this_one_and_keeps_its_rows() {
    let scratch = Scratch::new("migrate");
    let path = scratch.path().join("store.db");
    let first = Connection::open(&path).unwrap();
    first.execute_batch(&format!("{} PRAGMA user_version = 1;", STEPS[0])).unwrap();
    let row = "INSERT INTO row VALUES (?1, x'6b', x'76')";
    first.execute(row, params![Kind::Profile as i64]).unwrap();
    let old = "INSERT INTO chat (who, id, mine, sent_ms, text, fate) VALUES ('bob', ?1, 0, 1, 'hi', 1)";
    first.execute(old, params![[4_u8; 16]]).unwrap();
    drop(first);
    let mut store = Store::open(&path).unwrap();
    let bob = Principal::Key(Fingerprint([1; 32]));
    assert_eq!(store.chat(&bob, 9).unwrap(), []);
    store.adopt(&known("Bob", &bob)).unwrap();
    store.adopt(&known("Bob", &Principal::Key(Fingerprint([2; 32])))).unwrap();
    assert_eq!(store.chat(&bob, 9).unwrap()[0].text, "hi", "whoever takes the name later has none of it");
    store.set_volume(&Principal::Key(Fingerprint([1; 32])), 80).unwrap();
    store.commit().unwrap();
    assert_eq!(store.rows().unwrap()[0].value, b"v");
    drop(store);
    let version: i64 =
        Connection::open(&path).unwrap().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 5);
    let store = Store::open(&path).unwrap();
    assert_eq!(store.unseen().unwrap(), [], "what an earlier version showed counts as read");
}

#[test]
fn what_is_being_written_outlives_a_restart_and_goes_with_them() {
    let scratch = Scratch::new("draft");
    let path = scratch.path().join("store.db");
    let [bob, carol, again] = [1, 2, 3].map(|n| Principal::Key(Fingerprint([n; 32])));
    let mut store = Store::open(&path).unwrap();
    for (who, text) in [(&bob, "half"), (&bob, "half a sente"), (&carol, "hi"), (&carol, "")] {
        store.set_draft(who, text).unwrap();
    }
    store.commit().unwrap();
    drop(store);
    let mut store = Store::open(&path).unwrap();
    assert_eq!(store.draft(&bob).unwrap(), "half a sente");
    assert_eq!(store.draft(&carol).unwrap(), "", "sent, or rubbed out");
    store.succeed(&bob, &again).unwrap();
    assert_eq!(
        (store.draft(&bob).unwrap(), store.draft(&again).unwrap()),
        (String::new(), "half a sente".into())
    );
}

#[test]
fn what_was_not_read_is_known_after_a_restart_and_goes_with_them() {
    let scratch = Scratch::new("seen");
    let path = scratch.path().join("store.db");
    let [bob, carol, again] = [1, 2, 3].map(|n| Principal::Key(Fingerprint([n; 32])));
    let mut store = Store::open(&path).unwrap();
    store.add_line(&bob, &line(1, false)).unwrap();
    store.set_seen(&bob).unwrap();
    store.set_seen(&carol).unwrap();
    for (who, n, mine) in [(&bob, 2, false), (&carol, 3, false), (&bob, 4, false), (&bob, 5, true)] {
        store.add_line(who, &line(n, mine)).unwrap();
    }
    store.commit().unwrap();
    drop(store);
    let mut store = Store::open(&path).unwrap();
    assert_eq!(store.unseen().unwrap(), [(bob.clone(), 2), (carol.clone(), 1)]);
    store.succeed(&bob, &again).unwrap();
    assert_eq!(store.unseen().unwrap(), [(carol.clone(), 1), (again.clone(), 2)]);
    store.set_seen(&again).unwrap();
    assert_eq!(store.unseen().unwrap(), [(carol.clone(), 1)]);
    store.succeed(&carol, &again).unwrap();
    let [(who, count)] = store.unseen().unwrap().try_into().unwrap();
    assert!(who == again && count >= 1, "of two that become one nothing unread is lost: {count}");
}

/// The contact was removed before chats were of keys: a stranger may have taken the name since.
#[test]
fn chats_by_name_are_nobodys_when_the_name_is_nobodys_and_stay_so() {
    let scratch = Scratch::new("aside");
    let mut store = Store::open(&scratch.path().join("store.db")).unwrap();
    let old = "INSERT INTO chat (who, id, mine, sent_ms, text, fate) VALUES ('bob', ?1, 0, 1, 'hi', 1)";
    store.sqlite.execute(old, params![[4_u8; 16]]).unwrap();
    let stranger = Principal::Key(Fingerprint([2; 32]));
    let guest = Principal::Guest(Name::parse("bob").unwrap());
    for known in [known("bob", &guest), BTreeMap::new(), known("bob", &stranger)] {
        store.adopt(&known).unwrap();
        store.commit().unwrap();
    }
    assert_eq!((store.chat(&stranger, 9).unwrap(), store.chat(&guest, 9).unwrap()), (vec![], vec![]));
    let kept: String = store.sqlite.query_row("SELECT who FROM chat", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, "?bob");
}

#[test]
fn what_is_ours_about_people_is_kept_by_who_they_are_and_goes_with_them() {
    let scratch = Scratch::new("person");
    let path = scratch.path().join("store.db");
    let (old, new) = (Principal::Key(Fingerprint([1; 32])), Principal::Key(Fingerprint([2; 32])));
    let guest = Principal::Guest(Name::parse("gina").unwrap());
    let bobby = Personal { alias: Some(Safe::line("Bobby")), favourite: true };
    let mut store = Store::open(&path).unwrap();
    store.set_person(&old, &bobby).unwrap();
    store.set_person(&guest, &Personal { alias: None, favourite: true }).unwrap();
    store.set_person(&guest, &Personal::default()).unwrap();
    store.add_line(&old, &line(1, false)).unwrap();
    store.commit().unwrap();
    drop(store);
    let mut store = Store::open(&path).unwrap();
    assert_eq!(store.persons().unwrap(), [(old.clone(), bobby.clone())]);
    store.succeed(&old, &new).unwrap();
    store.commit().unwrap();
    assert_eq!(store.persons().unwrap(), [(new.clone(), bobby)]);
    assert_eq!((store.chat(&old, 9).unwrap().len(), store.chat(&new, 9).unwrap().len()), (0, 1));
}

#[test]
fn damage_and_later_versions_are_said() {
    let scratch = Scratch::new("damage");
    let path = scratch.path().join("store.db");
    std::fs::write(&path, [7; 8192]).unwrap();
    assert!(Store::open(&path).is_err());
    let later = scratch.path().join("later.db");
    Store::open(&later).unwrap().sqlite.execute_batch("PRAGMA user_version = 9").unwrap();
    let why = format!("{:#}", Store::open(&later).unwrap_err());
    assert!(why.contains("later version"), "{why}");
}
