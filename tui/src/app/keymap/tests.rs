//! The table is sound, and so is what a person makes of it.

use super::*;

#[test]
fn a_key_means_one_thing_in_a_place() {
    for (at, row) in TABLE.iter().enumerate() {
        for key in row.keys {
            let again = TABLE[..at].iter().find(|other| other.place == row.place && other.keys.contains(key));
            assert!(again.is_none(), "{key:?} means two things in {:?}", row.place);
        }
    }
}

/// A prefix of tmux or screen, flow control, or another key in disguise would never arrive or surprise.
#[test]
fn keys_that_do_not_arrive_are_not_used() {
    for row in TABLE.iter().filter(|row| row.place != Place::Edit) {
        for c in ['a', 'b', 's', 'q', 'h', 'i', 'j', 'm'] {
            assert!(!row.keys.contains(&Key::ctrl(c)), "^{c} in {:?}", row.place);
        }
    }
}

#[test]
fn letters_never_act_while_text_is_written() {
    for row in TABLE {
        for key in row.keys {
            assert!(!row.place.is_text() || key.typed().is_none(), "{key:?} acts in {:?}", row.place);
        }
    }
}

/// Two columns of help stand side by side on 80 columns.
#[test]
fn the_help_has_room_for_its_words() {
    for (place, _) in Place::LISTED {
        for (shown, row) in Keymap::default().listed(place) {
            assert!(shown.len() <= 10 && row.help.len() <= 25, "{shown}: {}", row.help);
        }
    }
}

#[test]
fn the_readme_lists_the_keys() {
    let readme = include_str!("../../../../README.md");
    let section = readme.split("<!-- keys -->\n").nth(1).expect("README.md has a section between key marks");
    assert_eq!(
        section,
        Keymap::default().readme_table(),
        "README.md: put this table between its key marks\n{}",
        Keymap::default().readme_table()
    );
}

/// A binding as it stands in line `line`.
fn bind(place: &str, act: &str, keys: &[&str], line: usize) -> Binding {
    let keys = keys.iter().map(|key| (*key).to_owned()).collect();
    Binding { place: place.to_owned(), act: act.to_owned(), keys, line }
}

fn wrong(bindings: &[Binding]) -> Vec<String> {
    let wrong = Keymap::new(bindings).unwrap_err();
    wrong.into_iter().map(|wrong| format!("{}: {}", wrong.line, wrong.why)).collect()
}

#[test]
fn every_row_has_a_name_of_its_own() {
    let mut names: Vec<(String, Place)> = TABLE.iter().map(|row| (row.name(), row.place)).collect();
    names.sort_by(|a, b| a.0.cmp(&b.0));
    for pair in names.windows(2) {
        assert!(pair[0].0 != pair[1].0 || pair[0].1 != pair[1].1, "{} is two rows", pair[0].0);
    }
    let tables: Vec<&str> = TABLE.iter().map(|row| row.place.table()).collect();
    for row in TABLE.iter().filter(|row| row.place == Place::Anywhere) {
        assert!(!tables.contains(&row.act.name()), "[keys] {} is a table and an action", row.act.name());
    }
}

#[test]
fn a_key_that_was_changed_is_changed_everywhere() {
    let keys = Keymap::new(&[
        bind("", "mute", &["ctrl-n", "f9"], 1),
        bind("list", "call", &["8"], 2),
        bind("list", "down", &["7"], 3),
        bind("list", "mark", &[], 4),
    ])
    .unwrap();
    let act = |key, places: &[Place]| keys.meaning(key, places).map(|row| row.act);
    let list = [Place::Marked, Place::List, Place::Anywhere];
    assert_eq!(act(Key::ctrl('n'), &list), Some(Act::Mute));
    assert_eq!(act(Key::ctrl('t'), &list), None);
    assert_eq!((act(Key::char('8'), &list), act(Key::char('c'), &list)), (Some(Act::Call), None));
    assert_eq!(act(Key::char(' '), &list), None);
    let listed: Vec<String> =
        keys.listed(Place::List).map(|(shown, row)| format!("{shown}: {}", row.help)).collect();
    assert!(listed.contains(&"8: call, or call all marked".to_owned()), "{listed:?}");
    assert!(listed.contains(&"7 or k: down, up (arrows too)".to_owned()), "{listed:?}");
    assert!(
        !listed.iter().any(|row| row.contains("mark (Esc")),
        "what no key does is not listed: {listed:?}"
    );
    let hints = keys.hints(&list);
    assert!(hints.iter().any(|hint| hint.key == "8" && hint.words == "call them"), "{hints:?}");
    assert!(!hints.iter().any(|hint| hint.words == "mark"));
    assert_eq!(keys.key(Act::Mute, &list).as_deref(), Some("^N"));
    assert!(keys.readme_table().contains("| `^N`, `F9` | mute, unmute | `mute` |"));
}

#[test]
fn what_cannot_be_is_named_with_its_line() {
    assert_eq!(
        wrong(&[
            bind("", "fly", &["ctrl-y"], 3),
            bind("list", "mute", &["m"], 7),
            bind("", "mute", &["hyper"], 9)
        ]),
        [
            "3: no action is called fly: the help and README.md list them",
            "7: list.mute does nothing there: the action is call.mute",
            "9: \"hyper\" is no key: write a letter, ctrl-t, alt-enter, f2, space, esc, pgup, up, ..",
        ]
    );
    assert_eq!(
        wrong(&[bind("", "mute", &["t"], 2)]),
        ["2: t would be typed there: take it with ctrl or alt, or a function key"]
    );
}

#[test]
fn keys_that_would_mean_two_things_at_once_conflict() {
    // In one place; in places that count together; with what counts anywhere.
    assert_eq!(
        wrong(&[bind("list", "call", &["a"], 4)]),
        ["4: a is list.add already: give one of them another key, or none"]
    );
    assert!(wrong(&[bind("", "mute", &["ctrl-w"], 5)])[0].contains("^W is edit.cut-word already"));
    assert!(wrong(&[bind("call", "record", &["f2"], 6)])[0].contains("F2 is mute already"));
    // Not where only one of them counts, where the other was moved away, nor what has always been so.
    assert!(Keymap::new(&[bind("call", "record", &["7"], 1)]).is_ok());
    assert!(Keymap::new(&[bind("list", "call", &["a"], 1), bind("list", "add", &["c"], 2)]).is_ok());
    assert!(Keymap::new(&[bind("incoming", "silence", &["i", "tab"], 1)]).is_ok());
}

#[test]
fn commands_are_found_in_other_layouts_and_texts_stay_texts() {
    let keys = Keymap::default();
    let act = |key, places: &[Place]| keys.meaning(key, places).map(|row| row.act);
    let (list, message) = ([Place::List, Place::Anywhere], [Place::Message, Place::Edit, Place::Anywhere]);
    assert_eq!(act(Key::char('с'), &list), Some(Act::Call));
    assert_eq!(act(Key::char('с'), &message), None);
    // Hebrew has no table: the terminal says which key it was.
    let told = |c, base, key: Key| Key { code: Code::Char(c), base: Some(base), ..key };
    assert_eq!(act(told('ב', 'c', Key::char('c')), &list), Some(Act::Call));
    assert_eq!(act(told('ב', 'c', Key::char('c')), &message), None);
    assert_eq!(act(told('е', 't', Key::ctrl('t')), &message), Some(Act::Mute));
}
