//! Which key a control sequence stands for: xterm's, rxvt's and the VT220's, and the kitty keyboard protocol.
//! Whatever is not listed is a reply or a report and means nothing here.

use super::key::{Code, Input, Key, Kind, Mods};

/// What a whole `CSI .. final` says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Nothing,
    Input(Input),
    /// Several letters at once, as an input method composes them.
    Keys(Vec<Key>),
    PasteBegins,
}

/// The flag of the kitty keyboard protocol that stands for telling repeats and releases.
const TELLS_RELEASES: u32 = 2;

/// Reads `CSI params last`.
pub(super) fn meaning(params: &[u8], last: u8) -> Meaning {
    if let (b'u', [b'?', flags @ ..]) = (last, params) {
        let tells = Params::read(flags).number(0).is_some_and(|flags| flags & TELLS_RELEASES != 0);
        return if tells { Meaning::Input(Input::TellsReleases) } else { Meaning::Nothing };
    }
    // Private markers and intermediates belong to replies (`CSI ? .. u`, `CSI > .. c`, `CSI ? .. $ y`).
    if params.iter().any(|b| !matches!(b, b'0'..=b'9' | b';' | b':')) {
        return Meaning::Nothing;
    }
    let text = if last == b'u' { typed(params) } else { Vec::new() };
    let params = Params::read(params);
    match (last, params.number(0)) {
        (b'~', Some(200)) => return Meaning::PasteBegins,
        (b'I', None) => return Meaning::Input(Input::Focus(true)),
        (b'O', None) => return Meaning::Input(Input::Focus(false)),
        _ => {}
    }
    // An input method has no key of its own for what it composed.
    if text.len() > 1 || !text.is_empty() && params.number(0).is_none_or(|number| number == 0) {
        return params
            .modifiers()
            .filter(|(_, kind)| *kind != Kind::Release)
            .map_or(Meaning::Nothing, |(_, kind)| {
                Meaning::Keys(text.iter().map(|c| Key { kind, ..Key::char(*c) }).collect())
            });
    }
    match key(&params, last, text.first().copied()) {
        Some(key) => Meaning::Input(Input::Key(key)),
        None => Meaning::Nothing,
    }
}

/// The text that a key types, where the terminal says it (`CSI code ; modifiers ; text u`): its third parameter.
fn typed(params: &[u8]) -> Vec<char> {
    let text = params.split(|b| *b == b';').nth(2).unwrap_or_default();
    let codes = text.split(|b| *b == b':').filter_map(|code| core::str::from_utf8(code).ok()?.parse().ok());
    codes.filter_map(char::from_u32).filter(|c| !c.is_control()).collect()
}

/// Reads the byte after `ESC O`: cursor and function keys in application mode, and the keypad.
pub(super) fn ss3(byte: u8) -> Option<Code> {
    match byte {
        b'M' => Some(Code::Enter),
        b'X' => Some(Code::Char('=')),
        b'j'..=b'y' => Some(Code::Char(char::from(byte - b'j' + b'*'))),
        _ => letter(byte),
    }
}

fn letter(byte: u8) -> Option<Code> {
    Some(match byte {
        b'A' => Code::Up,
        b'B' => Code::Down,
        b'C' => Code::Right,
        b'D' => Code::Left,
        b'H' => Code::Home,
        b'F' => Code::End,
        b'P' => Code::F(1),
        b'Q' => Code::F(2),
        b'R' => Code::F(3),
        b'S' => Code::F(4),
        _ => return None,
    })
}

fn tilde(number: u32) -> Option<Code> {
    Some(match number {
        1 | 7 => Code::Home,
        2 => Code::Insert,
        3 => Code::Delete,
        4 | 8 => Code::End,
        5 => Code::PageUp,
        6 => Code::PageDown,
        11..=15 => Code::F(small(number - 10)),
        17..=21 => Code::F(small(number - 11)),
        23..=26 => Code::F(small(number - 12)),
        28 | 29 => Code::F(small(number - 13)),
        31..=34 => Code::F(small(number - 14)),
        _ => return None,
    })
}

fn key(params: &Params, last: u8, text: Option<char>) -> Option<Key> {
    match last {
        b'Z' => Some(Key { mods: Mods::SHIFT, ..Key::press(Code::Tab) }),
        b'u' => numbered(params.number(0)?, text, params),
        // xterm's modifyOtherKeys: CSI 27 ; modifiers ; character ~
        b'~' if params.number(0) == Some(27) => numbered(params.number(2)?, None, params),
        b'~' => with_modifiers(tilde(params.number(0)?)?, params),
        // With parameters this is a cursor position report, not F3.
        b'R' if !params.is_empty() => None,
        _ => with_modifiers(letter(last)?, params),
    }
}

fn with_modifiers(code: Code, params: &Params) -> Option<Key> {
    let (mods, kind) = params.modifiers()?;
    Some(Key { code, mods, kind, base: None })
}

/// `CSI code:shifted:base ; modifiers:kind ; text u`, and the older `CSI 27 ; modifiers ; code ~`: the key is a number.
/// `text` is what it types, where the terminal says so.
fn numbered(number: u32, text: Option<char>, params: &Params) -> Option<Key> {
    let named = match number {
        9 => Code::Tab,
        13 | 57_414 => Code::Enter,
        27 => Code::Esc,
        127 => Code::Backspace,
        n @ 57_376..=57_398 => Code::F(small(n - 57_376 + 13)),
        n @ 57_399..=57_408 => Code::Char(char::from(b'0' + small(n - 57_399))),
        57_409 => Code::Char('.'),
        57_410 => Code::Char('/'),
        57_411 => Code::Char('*'),
        57_412 => Code::Char('-'),
        57_413 => Code::Char('+'),
        57_415 => Code::Char('='),
        57_417 => Code::Left,
        57_418 => Code::Right,
        57_419 => Code::Up,
        57_420 => Code::Down,
        57_421 => Code::PageUp,
        57_422 => Code::PageDown,
        57_423 => Code::Home,
        57_424 => Code::End,
        57_425 => Code::Insert,
        57_426 => Code::Delete,
        // Lock, media and modifier keys.
        57_344..=63_743 => return None,
        n => return character(n, params, text),
    };
    with_modifiers(named, params)
}

/// A key that types: what, if the terminal says so, and otherwise what the key says with Shift or without.
fn character(number: u32, params: &Params, text: Option<char>) -> Option<Key> {
    let (mut mods, kind) = params.modifiers()?;
    let mut c = char::from_u32(number).filter(|c| !c.is_control())?;
    let base = params.part(0, 2).and_then(char::from_u32).filter(|base| !base.is_control() && *base != c);
    // Where Ctrl and Alt together type something they are AltGr.
    if let Some(text) = text.filter(|_| kind != Kind::Release && mods.ctrl == mods.alt) {
        return Some(Key { code: Code::Char(text), mods: Mods::NONE, kind, base });
    }
    if mods.ctrl {
        c = c.to_ascii_lowercase();
    } else if mods.shift {
        let typed = params.part(0, 1).and_then(char::from_u32).filter(|c| !c.is_control());
        c = typed.unwrap_or_else(|| c.to_uppercase().next().unwrap_or(c));
        mods.shift = false;
    }
    Some(Key { code: Code::Char(c), mods, kind, base })
}

fn small(number: u32) -> u8 {
    u8::try_from(number).unwrap_or(0)
}

/// Up to four parameters of up to three parts each, all a key ever has.
#[derive(Debug, Default)]
struct Params([[Option<u32>; 3]; 4]);

impl Params {
    fn read(bytes: &[u8]) -> Self {
        let mut params = Self::default();
        for (slot, param) in params.0.iter_mut().zip(bytes.split(|b| *b == b';')) {
            for (slot, part) in slot.iter_mut().zip(param.split(|b| *b == b':')) {
                *slot = core::str::from_utf8(part).ok().and_then(|digits| digits.parse().ok());
            }
        }
        params
    }

    fn is_empty(&self) -> bool {
        self.0.iter().flatten().all(Option::is_none)
    }

    fn number(&self, at: usize) -> Option<u32> {
        self.part(at, 0)
    }

    fn part(&self, at: usize, part: usize) -> Option<u32> {
        self.0.get(at).and_then(|parts| parts.get(part)).copied().flatten()
    }

    /// The second parameter: one plus a bit per modifier, and the kind of event. None when the key belongs to the
    /// window system (Super, Hyper) or the numbers are out of range. A release always counts: whoever holds the key
    /// to talk and reaches for Super must not stay on the air.
    fn modifiers(&self) -> Option<(Mods, Kind)> {
        let bits = self.number(1).unwrap_or(1).checked_sub(1)?;
        let kind = match self.part(1, 1).unwrap_or(1) {
            1 => Kind::Press,
            2 => Kind::Repeat,
            3 => Kind::Release,
            _ => return None,
        };
        if bits > 255 || bits & (8 | 16) != 0 && kind != Kind::Release {
            return None;
        }
        let mods = Mods { shift: bits & 1 != 0, alt: bits & (2 | 32) != 0, ctrl: bits & 4 != 0 };
        Some((mods, kind))
    }
}
