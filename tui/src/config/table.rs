//! Every key of the configuration file, once: the check, `tincan config show` and the README read it. What a value may
//! be is said here in words and decided by [`super::Config::parse`]; a test holds the two against each other.

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its table, empty for the top.
    pub table: &'static str,
    /// Its name; `*` where any name may stand.
    pub name: &'static str,
    /// What kind of value.
    pub kind: Kind,
    /// What is in force without it, as TOML; empty where that depends.
    pub default: &'static str,
    /// What it is, in words, with what it may be.
    pub words: &'static str,
}

/// Kinds of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// `true` or `false`.
    Switch,
    /// A whole number.
    Number,
    /// A list of strings.
    Texts,
    /// A key, a list of keys, or a table of them for one place: [`super::keys`] says more.
    Keys,
}

impl Kind {
    /// The kind in words, after "expects".
    pub fn words(self) -> &'static str {
        match self {
            Self::Text => "a text in quotes",
            Self::Switch => "true or false",
            Self::Number => "a whole number",
            Self::Texts => "a list of texts: [\"...\"]",
            Self::Keys => "a key, a list of keys, or \"none\"",
        }
    }

    /// Whether a value of this TOML type can be one.
    pub fn takes(self, toml: &str) -> bool {
        match self {
            Self::Text => toml == "string",
            Self::Switch => toml == "boolean",
            Self::Number => toml == "integer",
            Self::Texts => toml == "array",
            Self::Keys => true,
        }
    }
}

impl Row {
    /// `voice.delay`
    pub fn path(&self) -> String {
        path(self.table, self.name)
    }
}

/// A key as it is written on one line.
pub fn path(table: &str, name: &str) -> String {
    if table.is_empty() { name.to_owned() } else { format!("{table}.{name}") }
}

/// The row of a key.
pub fn find(table: &str, name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.table == table && (row.name == name || row.name == "*"))
}

/// The key that was probably meant: the same name in another table, or the one that is spelled most like it.
pub fn nearest(table: &str, name: &str) -> Option<&'static Row> {
    let named = |row: &&Row| row.name == name && row.table != table;
    let like = |row: &Row| {
        let off = steps(name, row.name) + usize::from(row.table != table);
        (off <= 1 + name.chars().count() / 3).then_some(off)
    };
    let spelled = || TABLE.iter().filter(|row| row.name != "*").filter_map(|row| Some((like(row)?, row)));
    TABLE.iter().find(named).or_else(|| spelled().min_by_key(|(off, _)| *off).map(|(_, row)| row))
}

/// The table that was probably meant.
pub fn nearest_table(name: &str) -> Option<&'static str> {
    let tables = TABLE.iter().map(|row| row.table).filter(|table| !table.is_empty());
    let close = tables.map(|table| (steps(name, table), table)).filter(|(off, _)| *off <= 2);
    close.min_by_key(|(off, _)| *off).map(|(_, table)| table)
}

/// Letters to add, drop or change to get from one word to the other (Levenshtein's distance), `-` being `_`.
fn steps(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.replace('-', "_").chars().collect(), to.chars().collect());
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut corner = core::mem::replace(&mut row[0], i + 1);
        for (j, b) in to.iter().enumerate() {
            let change = corner + usize::from(a != b);
            corner = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(corner + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

/// The keys as the README shows them, in Markdown.
pub fn readme_table() -> String {
    let mut text = String::from("| table | key | without it | what it is |\n| --- | --- | --- | --- |\n");
    for row in TABLE {
        let table = if row.table.is_empty() { String::new() } else { format!("`[{}]`", row.table) };
        let default = if row.default.is_empty() { String::new() } else { format!("`{}`", row.default) };
        let name = if row.name == "*" { "an action's name" } else { &format!("`{}`", row.name) };
        text.push_str(&format!("| {table} | {name} | {default} | {} |\n", row.words));
    }
    text
}

const fn row(
    table: &'static str,
    name: &'static str,
    kind: Kind,
    default: &'static str,
    words: &'static str,
) -> Row {
    Row { table, name, kind, default, words }
}

/// Every key, in the order of the file.
pub static TABLE: &[Row] = &{
    use Kind::{Number, Switch, Text, Texts};
    const WISH: &str = "\"auto\"";
    [
        row("", "server", Text, "", "where to go without arguments: HOST or HOST:PORT"),
        row("", "name", Text, "", "the name to take on a server that does not know you"),
        row("", "device", Text, "\"default\"", "the sound, as after --device"),
        row("", "microphone", Text, "", "another microphone than that device's, by its name"),
        row("", "speaker", Text, "", "another speaker"),
        row("", "ring_device", Text, "", "what calls ring on, while they are heard on that speaker"),
        row("", "recordings", Text, "", "the folder of recordings; ~/ is the home directory"),
        row(
            "voice",
            "echo_cancel",
            Text,
            WISH,
            "take the speaker's echo out of the microphone: auto, on or off",
        ),
        row("voice", "noise_suppression", Text, WISH, "take steady noise out of it: auto, on or off"),
        row("voice", "gain_control", Text, WISH, "raise a quiet voice: auto, on or off"),
        row("voice", "delay", Text, "\"ordinary\"", "what is dearer: ordinary (sound), low or path (delay)"),
        row(
            "voice",
            "frame",
            Number,
            "",
            "frames of 5, 10 or 20 ms, whatever the network is like; under 20 no copies repair loss",
        ),
        row(
            "voice",
            "dtx",
            Switch,
            "false",
            "send silence in fewer bytes (DTX); it leaks: the network sees when you speak",
        ),
        row(
            "voice",
            "transmit",
            Text,
            "\"open\"",
            "the microphone in a call: open, or ptt while you press to talk",
        ),
        row(
            "voice",
            "earcons",
            Text,
            WISH,
            "tones for who joins and leaves, and for mute: auto (with --plain), on or off",
        ),
        row("voice", "talk_key", Text, WISH, "how the key to talk is held: auto, hold or latch"),
        row("notify", "bell", Switch, "true", "ring the terminal's bell"),
        row("notify", "osc", Text, WISH, "a notification of the terminal's own: auto, 9, 99, 777 or none"),
        row("notify", "command", Texts, "[]", "a program that is run for each, with its arguments"),
        row("notify", "preview", Switch, "false", "tell the words of a text, not only who wrote it"),
        row("notify", "dnd", Switch, "false", "begin undisturbed"),
        row("notify", "calls_in_dnd", Switch, "false", "calls ring nevertheless"),
        row("notify", "ring", Text, WISH, "calls ring on the speaker: auto (not over SSH), on or off"),
        row("ui", "ascii", Switch, "false", "draw with letters only"),
        row("ui", "color", Switch, "true", "use colours"),
        row(
            "ui",
            "theme",
            Text,
            "\"default\"",
            "default, contrast (nothing dim, few colours) or mono (none)",
        ),
        row(
            "ui",
            "links",
            Text,
            WISH,
            "links that a click opens (OSC 8): auto (where the terminal is known to take them), on or off",
        ),
        row("ui", "meter_hz", Number, "", "how often meters move, 0 to 30 times a second"),
        row(
            "keys",
            "*",
            Kind::Keys,
            "",
            "its keys: \"ctrl-n\", [\"f9\", \"8\"] or \"none\"; the names are below",
        ),
    ]
};

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    /// The reader's own words for a key that no one knows hold all it does know.
    #[test]
    fn the_table_lists_every_key_that_is_read_and_no_other() {
        let tables: std::collections::BTreeSet<&str> = TABLE.iter().map(|row| row.table).collect();
        for table in tables {
            let head = if table.is_empty() { String::new() } else { format!("[{table}]\n") };
            let Err(said) = Config::parse(&format!("{head}no_such_key = 1\n")) else { panic!("{table}") };
            let said = format!("{said:#}");
            if TABLE.iter().any(|row| row.table == table && row.name == "*") {
                continue;
            }
            let expected: Vec<&str> =
                said.split("expected").last().unwrap().split('`').skip(1).step_by(2).collect();
            assert!(!expected.is_empty(), "{said}");
            for known in expected {
                let is_table = TABLE.iter().any(|row| row.table == known);
                assert!(is_table || find(table, known).is_some(), "add a row for {}", path(table, known));
            }
        }
        for row in TABLE.iter().filter(|row| row.name != "*" && !row.default.is_empty()) {
            let head = if row.table.is_empty() { String::new() } else { format!("[{}]\n", row.table) };
            let text = format!("{head}{} = {}\n", row.name, row.default);
            let read = Config::parse(&text).unwrap();
            assert!(
                row.kind != Kind::Switch || read == Config::parse("").unwrap(),
                "{text} is not the default"
            );
        }
    }

    #[test]
    fn a_slip_finds_the_key_that_was_meant() {
        let near = |table, name| nearest(table, name).map(Row::path);
        assert_eq!(near("ui", "colour"), Some("ui.color".to_owned()));
        assert_eq!(near("voice", "echo-cancel"), Some("voice.echo_cancel".to_owned()));
        assert_eq!(near("", "ascii"), Some("ui.ascii".to_owned()));
        assert_eq!(near("", "nmae"), Some("name".to_owned()));
        assert_eq!(near("", "zzzzzz"), None);
        assert_eq!((nearest_table("vioce"), nearest_table("xyz")), (Some("voice"), None));
        assert_eq!((steps("kitten", "sitting"), steps("", "abc"), steps("a_b", "a_b")), (3, 3, 0));
    }

    #[test]
    fn the_readme_lists_the_configuration() {
        let readme = include_str!("../../../README.md");
        let section = readme
            .split("<!-- configuration -->\n")
            .nth(1)
            .expect("README.md has a section between its marks");
        assert_eq!(
            section,
            readme_table(),
            "README.md: put this table between its marks\n{}",
            readme_table()
        );
    }
}
