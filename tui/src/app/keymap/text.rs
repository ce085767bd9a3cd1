//! Keys in words: as people read them (`^T`, `Alt-Enter`), and as they are written in the configuration (`ctrl-t`,
//! `alt-enter`; what is shown can be written, too).

use crate::keys::{Code, Key, Kind, Mods};

/// The named keys: the name in the configuration, and as it is shown.
const NAMED: [(&str, &str, Code); 16] = [
    ("enter", "Enter", Code::Enter),
    ("tab", "Tab", Code::Tab),
    ("backspace", "Backspace", Code::Backspace),
    ("esc", "Esc", Code::Esc),
    ("up", "Up", Code::Up),
    ("down", "Down", Code::Down),
    ("left", "Left", Code::Left),
    ("right", "Right", Code::Right),
    ("home", "Home", Code::Home),
    ("end", "End", Code::End),
    ("pgup", "PgUp", Code::PageUp),
    ("pgdn", "PgDn", Code::PageDown),
    ("insert", "Insert", Code::Insert),
    ("delete", "Delete", Code::Delete),
    ("space", "Space", Code::Char(' ')),
    ("escape", "Esc", Code::Esc),
];

/// Function keys of a terminal.
const FUNCTION_KEY_MAX: u8 = 35;

/// The key as people read it.
pub fn shown(key: Key) -> String {
    let Mods { shift, alt, ctrl } = key.mods;
    let named = NAMED.iter().find(|(_, _, code)| *code == key.code);
    let name = if let Some((_, shown, _)) = named {
        (*shown).to_owned()
    } else if let Code::F(number) = key.code {
        format!("F{number}")
    } else if let Code::Char(c) = key.code {
        if ctrl { c.to_uppercase().collect() } else { c.to_string() }
    } else {
        String::new()
    };
    let held = [(shift, "Shift-"), (alt, "Alt-"), (ctrl, "^")];
    held.into_iter().filter(|(held, _)| *held).map(|(_, name)| name).chain([name.as_str()]).collect()
}

/// The key that is written like this.
///
/// # Errors
/// Why it is none, or none that would arrive, in a sentence without its end.
pub fn parse(text: &str) -> Result<Key, String> {
    let mut mods = Mods::NONE;
    let mut rest = text;
    // A single character is itself, also `-` and `^`.
    while rest.chars().count() > 1 {
        let held = [
            ("ctrl-", Mods::CTRL),
            ("c-", Mods::CTRL),
            ("^", Mods::CTRL),
            ("alt-", Mods::ALT),
            ("shift-", Mods::SHIFT),
        ];
        let found = held.into_iter().find_map(|(name, held)| Some((strip(rest, name)?, held)));
        let Some((after, held)) = found else { break };
        mods =
            Mods { shift: mods.shift || held.shift, alt: mods.alt || held.alt, ctrl: mods.ctrl || held.ctrl };
        rest = after;
    }
    let code = code(rest).ok_or_else(|| {
        format!("{text:?} is no key: write a letter, ctrl-t, alt-enter, f2, space, esc, pgup, up, ..")
    })?;
    let code = if let Code::Char(c) = code {
        // Shift is folded into a letter, and a chord has no case.
        let upper = mods.shift && !mods.ctrl && c.is_alphabetic();
        mods.shift &= !upper;
        Code::Char(if mods.ctrl {
            c.to_ascii_lowercase()
        } else if upper {
            c.to_uppercase().next().unwrap_or(c)
        } else {
            c
        })
    } else {
        code
    };
    let key = Key { code, mods, kind: Kind::Press, base: None };
    match disguised(key) {
        Some(other) => Err(format!("{text} is {other} for most terminals: take another key")),
        None => Ok(key),
    }
}

/// What of the text comes after a name in front, whatever its case.
fn strip<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (head, tail) = (text.get(..name.len())?, text.get(name.len()..)?);
    (head.eq_ignore_ascii_case(name) && !tail.is_empty()).then_some(tail)
}

fn code(name: &str) -> Option<Code> {
    let mut chars = name.chars();
    if let (Some(c), None) = (chars.next(), chars.next()) {
        return (!c.is_control()).then_some(Code::Char(c));
    }
    let named = NAMED.iter().find(|(known, _, _)| known.eq_ignore_ascii_case(name));
    let function = || {
        let number = strip(name, "f")?.parse().ok()?;
        (1..=FUNCTION_KEY_MAX).contains(&number).then_some(Code::F(number))
    };
    named.map(|(_, _, code)| *code).or_else(function)
}

/// What a chord is for terminals without a protocol for it.
fn disguised(key: Key) -> Option<&'static str> {
    let chord = |letters: &[char]| letters.iter().any(|c| key == Key::ctrl(*c));
    let known = [(&['i'][..], "Tab"), (&['m', 'j'], "Enter"), (&['h'], "Backspace"), (&['['], "Esc")];
    known.into_iter().find(|(letters, _)| chord(letters)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::super::TABLE;
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        for (text, key) in [
            ("a", Key::char('a')),
            ("A", Key::char('A')),
            ("shift-a", Key::char('A')),
            ("-", Key::char('-')),
            ("^", Key::char('^')),
            ("ж", Key::char('ж')),
            ("ctrl-t", Key::ctrl('t')),
            ("Ctrl-T", Key::ctrl('t')),
            ("^t", Key::ctrl('t')),
            ("ctrl--", Key::ctrl('-')),
            ("alt-enter", Key::alt(Code::Enter)),
            ("shift-tab", Key { mods: Mods::SHIFT, ..Key::press(Code::Tab) }),
            ("F12", Key::press(Code::F(12))),
            ("f", Key::char('f')),
            ("PgUp", Key::press(Code::PageUp)),
            ("space", Key::char(' ')),
        ] {
            assert_eq!(parse(text), Ok(key), "{text}");
        }
        for text in ["", "ctrl-", "hyper-x", "f0", "f36", "ab", "\u{7}"] {
            assert!(parse(text).unwrap_err().contains("is no key"), "{text}");
        }
        assert!(parse("ctrl-m").unwrap_err().contains("Enter"));
        assert!(parse("^[").unwrap_err().contains("Esc"));
    }

    #[test]
    fn what_is_shown_can_be_written() {
        for key in TABLE.iter().flat_map(|row| row.keys) {
            assert_eq!(parse(&shown(*key)), Ok(*key), "{}", shown(*key));
        }
        assert_eq!(
            shown(Key { mods: Mods { shift: false, alt: true, ctrl: true }, ..Key::char('x') }),
            "Alt-^X"
        );
    }
}
