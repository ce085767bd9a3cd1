//! What is wrong with a configuration file, all of it at once, each with its place; and what is in force.

use std::io;
use std::ops::Range;

use anyhow::Context as _;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::source::Source;
use super::table::{Kind, Row, TABLE, find, nearest, nearest_table, path};
use super::{Config, keys};
use crate::exit::Exit;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Line and column, from 1; columns are characters.
    pub at: (usize, usize),
    /// What, and what to do, in a sentence.
    pub why: String,
}

/// A key that is set: its row, its value as it is written, and where.
struct Set<'a> {
    row: &'static Row,
    name: &'a str,
    value: &'a str,
    offset: usize,
}

/// `tincan config check`: every mistake in the file.
///
/// # Errors
/// When nobody reads what is written.
pub fn check(source: &Source, mut out: impl io::Write) -> anyhow::Result<Exit> {
    let Source { shown, text } = source;
    let Some(text) = text else {
        writeln!(out, "{shown}: not there, so all is as usual").context("writing the report")?;
        return Ok(Exit::Ok);
    };
    let wrong = told(shown, text);
    for sentence in &wrong {
        writeln!(out, "{sentence}").context("writing the report")?;
    }
    if wrong.is_empty() {
        writeln!(out, "{shown}: fine").context("writing the report")?;
    }
    Ok(if wrong.is_empty() { Exit::Ok } else { Exit::Usage })
}

/// Every mistake of a file in a line, with its place.
pub(super) fn told(shown: &str, text: &str) -> Vec<String> {
    let told = |Wrong { at: (line, column), why }| format!("{shown}:{line}:{column}: {why}");
    mistakes(text).into_iter().map(told).collect()
}

/// `tincan config show`: every key, its value as TOML, and where it comes from. What is typed or in the environment
/// wins over it, and that is said, too.
///
/// # Errors
/// When nobody reads what is written.
pub fn show(source: &Source, no_color: bool, mut out: impl io::Write) -> anyhow::Result<Exit> {
    let Source { shown, text } = source;
    let text = text.as_deref().unwrap_or_default();
    let (table, _) = DeTable::parse_recoverable(text);
    let set = known(text, &table);
    let mut lines = Vec::new();
    for row in TABLE {
        let mut here = set.iter().filter(|set| core::ptr::eq(set.row, row)).peekable();
        if here.peek().is_none() && row.name != "*" {
            let value = if row.default.is_empty() { "unset" } else { row.default };
            lines.push((format!("{} = {value}", row.path()), "default".to_owned()));
        }
        for set in here {
            let (line, _) = place(text, set.offset);
            lines.push((
                format!("{} = {}", super::table::path(row.table, set.name), set.value),
                format!("{shown}:{line}"),
            ));
        }
    }
    for (line, from) in &mut lines {
        if no_color && line.starts_with("ui.color ") {
            (*line, *from) = ("ui.color = false".to_owned(), "NO_COLOR".to_owned());
        }
    }
    let width = lines.iter().map(|(line, _)| line.chars().count()).max().unwrap_or(0).min(48);
    for (line, from) in lines {
        writeln!(out, "{line:<width$}  # {from}").context("writing the list")?;
    }
    let wrong = !mistakes(text).is_empty();
    if wrong {
        writeln!(out, "# the file has mistakes: tincan config check").context("writing the list")?;
    }
    Ok(if wrong { Exit::Usage } else { Exit::Ok })
}

/// Every mistake of a text, in the order of the file. None: [`Config::parse`] takes it.
pub fn mistakes(text: &str) -> Vec<Wrong> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut wrong: Vec<Wrong> = errors
        .iter()
        .map(|error| {
            let at = place(text, error.span().map_or(0, |span| span.start));
            Wrong { at, why: format!("this is not TOML: {}", error.message()) }
        })
        .collect();
    if wrong.is_empty() {
        of_table(text, "", table.get_ref(), &mut wrong);
        for (name, value) in table.get_ref() {
            if let DeValue::Table(inner) = value.get_ref() {
                of_table(text, name.get_ref(), inner, &mut wrong);
            }
        }
    }
    let keys = if errors.is_empty() { keys::read(text).err() } else { None };
    for line in keys.iter().flat_map(|why| format!("{why:#}").lines().map(str::to_owned).collect::<Vec<_>>())
    {
        let (line, why) = without_line(&line);
        wrong.push(Wrong { at: (line, indent(text, line)), why });
    }
    // What only shows when all keys are read together.
    if let (true, Err(why)) = (wrong.is_empty(), Config::parse(text)) {
        let (line, why) = without_line(&format!("{why:#}"));
        wrong.push(Wrong { at: (line, indent(text, line)), why });
    }
    wrong.sort_by_key(|wrong| wrong.at);
    wrong
}

/// The mistakes of one table's own keys.
fn of_table(text: &str, table: &str, keys: &DeTable<'_>, wrong: &mut Vec<Wrong>) {
    let tables = |name: &str| TABLE.iter().any(|row| row.table == name);
    if !tables(table) {
        return;
    }
    for (key, value) in keys {
        let name: &str = key.get_ref();
        let mut say =
            |span: Range<usize>, why: String| wrong.push(Wrong { at: place(text, span.start), why });
        let is_table = matches!(value.get_ref(), DeValue::Table(_));
        match find(table, name) {
            None if table.is_empty() && is_table && tables(name) => {}
            None if table.is_empty() && is_table => {
                let meant =
                    nearest_table(name).map(|meant| format!("; did you mean [{meant}]?")).unwrap_or_default();
                say(key.span(), format!("there is no table [{name}]{meant}"));
            }
            None if table.is_empty() && tables(name) => {
                say(key.span(), format!("{name} is a table: write [{name}], and its keys below it"));
            }
            None => say(key.span(), unknown(table, name)),
            Some(row) => {
                let kind = value.get_ref().type_str();
                if row.kind == Kind::Keys {
                    // Read together below: two of them may be in conflict.
                } else if !row.kind.takes(kind) {
                    let why =
                        format!("{} expects {}, not {}", row.path(), row.kind.words(), kind_words(kind));
                    say(value.span(), why);
                } else if let Some(why) = refused(text, row, name, value) {
                    say(value.span(), why);
                }
            }
        }
    }
}

fn unknown(table: &str, name: &str) -> String {
    let meant = nearest(table, name).map(|row| match row.table == table {
        true => format!("; did you mean {}?", row.name),
        false if row.table.is_empty() => format!("; did you mean {}, at the top of the file?", row.name),
        false => format!("; did you mean {}, in [{}]?", row.name, row.table),
    });
    format!("there is no key {}{}", path(table, name), meant.unwrap_or_default())
}

/// What the program itself says of this one value.
fn refused(text: &str, row: &Row, name: &str, value: &Spanned<DeValue<'_>>) -> Option<String> {
    let head = if row.table.is_empty() { String::new() } else { format!("[{}]\n", row.table) };
    let value = text.get(value.span())?;
    let why = Config::parse(&format!("{head}{name:?} = {value}\n")).err()?;
    let (_, why) = without_line(&format!("{why:#}"));
    Some(if why.starts_with(name) { why } else { format!("{name}: {why}") })
}

/// Takes `line 7: ` off a sentence.
fn without_line(why: &str) -> (usize, String) {
    let parts = why.strip_prefix("line ").and_then(|rest| rest.split_once(": "));
    match parts.and_then(|(line, rest)| Some((line.parse().ok()?, rest))) {
        Some((line, rest)) => (line, rest.to_owned()),
        None => (1, why.to_owned()),
    }
}

/// The keys of the file that there are.
fn known<'a>(text: &'a str, table: &'a Spanned<DeTable<'a>>) -> Vec<Set<'a>> {
    let mut set = Vec::new();
    let mut take = |of: &str, keys: &'a DeTable<'a>| {
        for (key, value) in keys {
            if let (Some(row), Some(written)) = (find(of, key.get_ref()), text.get(value.span())) {
                set.push(Set { row, name: key.get_ref(), value: written, offset: key.span().start });
            }
        }
    };
    take("", table.get_ref());
    for (name, value) in table.get_ref() {
        if let DeValue::Table(inner) = value.get_ref() {
            take(name.get_ref(), inner);
        }
    }
    set
}

fn kind_words(toml: &str) -> &'static str {
    match toml {
        "string" => "a text",
        "boolean" => "true or false",
        "integer" => "a whole number",
        "float" => "a broken number",
        "array" => "a list",
        "table" => "a table",
        _ => "a date",
    }
}

/// The column where a line begins.
fn indent(text: &str, line: usize) -> usize {
    let line = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    line.chars().take_while(|c| c.is_whitespace()).count() + 1
}

/// Line and column of an offset, from 1.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn said(text: &str) -> Vec<String> {
        let said = |wrong: Wrong| format!("{}:{}: {}", wrong.at.0, wrong.at.1, wrong.why);
        mistakes(text).into_iter().map(said).collect()
    }

    #[test]
    fn every_mistake_is_named_with_its_place_and_what_was_meant() {
        let text = "nmae = \"bob\"\nserver = 7\nascii = true\n\n[voice]\nframe = 40\n  dellay = \"low\"\n[ui]\ncolor = \"yes\"\n\
                    [vioce]\n[zzz]\na = 1\n";
        assert_eq!(
            said(text),
            [
                "1:1: there is no key nmae; did you mean name?",
                "2:10: server expects a text in quotes, not a whole number",
                "3:1: there is no key ascii; did you mean ascii, in [ui]?",
                "6:9: frame: 40 is not 5, 10 or 20",
                "7:3: there is no key voice.dellay; did you mean delay?",
                "9:9: ui.color expects true or false, not a text",
                "10:2: there is no table [vioce]; did you mean [voice]?",
                "11:2: there is no table [zzz]",
            ]
        );
        let keys = "ui.ascii = 1\n[keys]\n  mute = 7\n  fly = \"ctrl-y\"\n";
        let said_of_keys = said(keys);
        assert_eq!(said_of_keys[0], "1:12: ui.ascii expects true or false, not a whole number");
        assert!(said_of_keys[1].starts_with("3:3: keys: mute is a key"), "{said_of_keys:?}");
        assert!(said_of_keys[2].starts_with("4:3: keys: ") && said_of_keys.len() == 3, "{said_of_keys:?}");
        assert_eq!(said("voice = 1\n"), ["1:1: voice is a table: write [voice], and its keys below it"]);
        assert!(said("name = \n")[0].starts_with("1:8: this is not TOML"), "{:?}", said("name = \n"));
        assert_eq!(said("name = \"b b\"")[0].split(':').next(), Some("1"));
        assert_eq!(said("name = \"bob\"\n[ui]\nascii = true\n"), Vec::<String>::new());
    }

    #[test]
    fn values_are_shown_with_where_they_come_from() {
        let read = |file: &Path| Source::read(Some(file)).unwrap();
        let folder = std::env::temp_dir().join(format!("tincan-config-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("config.toml");
        fs::write(&file, "name = \"bob\"\n[voice]\ndelay = \"low\"\n").unwrap();
        let mut out = Vec::new();
        assert_eq!(show(&read(&file), true, &mut out).unwrap(), Exit::Ok);
        let out = String::from_utf8(out).unwrap();
        let has =
            |start: &str, end: &str| out.lines().any(|line| line.starts_with(start) && line.ends_with(end));
        assert!(
            has("name = \"bob\" ", "config.toml:1") && has("voice.delay = \"low\" ", "config.toml:3"),
            "{out}"
        );
        assert!(has("device = \"default\" ", "# default") && has("server = unset ", "# default"), "{out}");
        assert!(has("ui.color = false ", "# NO_COLOR"), "{out}");
        let mut out = Vec::new();
        fs::write(&file, "nick = 1\n").unwrap();
        assert_eq!(check(&read(&file), &mut out).unwrap(), Exit::Usage);
        assert!(String::from_utf8(out).unwrap().contains("config.toml:1:1: there is no key nick"));
        fs::remove_dir_all(&folder).unwrap();
    }

    proptest! {
        /// The check says fine exactly when the program starts with it.
        #[test]
        fn the_check_and_the_program_agree(
            keys in prop::collection::vec(("(server|name|frame|delay|ascii|color|bell|osc|command|x)", "(1|40|true|\"low\"|\"bob\"|\"9\"|\\[\"a\"\\]|\\[1\\]|)"), 0..5),
            table in "(|\\[voice\\]|\\[ui\\]|\\[notify\\]|\\[x\\])",
        ) {
            let keys: Vec<String> = keys.into_iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
            let text = format!("{table}\n{}", keys.concat());
            prop_assert_eq!(mistakes(&text).is_empty(), Config::parse(&text).is_ok(), "{}", text);
        }
    }
}
