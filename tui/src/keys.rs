//! The terminal's bytes become key events: a sans-IO decoder of our own.
//!
//! It exists because a reader that guesses wrong freezes the client: a late reply of the terminal (DECRPM, OSC 11,
//! DA2, XTVERSION) must neither be typed as text nor swallow the keys after it. Promises:
//!
//! - any split of the bytes gives the same events, as long as the pauses stay under the time limits below;
//! - every control sequence that is not a key is consumed silently, and none can hold the keyboard for longer than
//!   [`SEQUENCE_STALL`] or [`STRING_BYTES_MAX`] bytes;
//! - a paste whose end never comes holds the keyboard no longer than [`PASTE_QUIET`] after its last byte, and keeps to
//!   itself what is typed no longer than [`PASTE_TIME_MAX`];
//! - memory is bounded whatever arrives.
//!
//! ```text
//! Ground ─ESC─► Escape ─[─► Csi ─final─► Ground          Escape ─50 ms─► Esc key
//!   │             ├─O─► Ss3 ─any─► Ground                ESC [ ─50 ms─► Alt-[
//!   │             ├─] P X ^ _─► Text ─ST, BEL─► Ground
//!   └─C2..F4─► Utf8 (in `partial`)                       Csi 200~ ─► Paste ─ESC[201~ or 5 s─► Ground
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use proto::time::Time;

mod csi;
mod key;
mod paste;

pub use key::{Code, Input, Key, Kind, Mods};
use paste::Paste;

/// How long a lone ESC (or ESC and an introducer) waits for the rest of a sequence before it is the Esc key (or
/// Alt and that key). Long enough for sequences cut in two by a network, short enough not to be felt.
pub const ESCAPE_WAIT: Duration = Duration::from_millis(50);

/// How long an unfinished sequence or string may stall before it is forgotten. A reply that is cut for longer than
/// this would be typed; a keyboard that is dead for longer would be worse.
pub const SEQUENCE_STALL: Duration = Duration::from_millis(500);

/// How long a paste may be silent before its end is taken for lost. Long enough for a network that stalls: what comes
/// after it would be keys, which nothing pasted may be.
pub const PASTE_QUIET: Duration = Duration::from_secs(5);

/// How long a paste is collected. What comes later is still pasted, but at once, so that whoever types into a paste
/// that never ends sees it.
pub const PASTE_TIME_MAX: Duration = Duration::from_secs(30);

/// Bytes of a control sequence that are kept; longer ones are consumed without being understood. Room for a sentence that
/// an input method composed.
pub const SEQUENCE_BYTES_MAX: usize = 1024;

/// Bytes of a control sequence or string after which it is taken for noise and ended.
pub const STRING_BYTES_MAX: usize = 4096;

/// Bytes to events.
#[derive(Debug, Default)]
pub struct Decoder {
    state: State,
    /// Parameters of the sequence being read, or the first bytes of a UTF-8 character.
    partial: Vec<u8>,
    /// Bytes of this sequence so far, kept or not.
    length: usize,
    /// When the pending state ends by itself.
    deadline: Option<Time>,
    paste: Paste,
    /// Since when a paste is being read.
    pasting_since: Option<Time>,
    out: VecDeque<Input>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    /// After ESC; `alt` when one ESC came before it.
    Escape,
    /// After ESC, inside a UTF-8 character.
    EscapeUtf8,
    Utf8,
    /// After `ESC [`.
    Csi,
    /// After `ESC [ [`: the Linux console's function keys.
    CsiLinux,
    /// After `ESC [ M`: this many bytes of an X10 mouse report are left.
    Mouse(u8),
    /// After `ESC O`.
    Ss3,
    /// Inside OSC, DCS, SOS, PM or APC.
    Text,
    /// Inside such a string, after an ESC that may begin its terminator.
    TextEscape,
    Paste,
}

impl Decoder {
    /// A decoder with nothing pending.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what was read from the terminal; empty when only the deadline was reached.
    pub fn handle(&mut self, bytes: &[u8], now: Time) {
        if bytes.is_empty() {
            return self.expire(now);
        }
        for &byte in bytes {
            self.step(byte);
        }
        self.pasting(now);
        self.deadline = self.wait().map(|wait| now + wait);
    }

    /// What a paste holds is given away in pieces when it takes too long.
    fn pasting(&mut self, now: Time) {
        if self.state != State::Paste {
            self.pasting_since = None;
        } else if now >= *self.pasting_since.get_or_insert(now) + PASTE_TIME_MAX {
            self.out.extend(self.paste.so_far().map(Input::Paste));
        }
    }

    /// The next event, in order.
    pub fn poll(&mut self) -> Option<Input> {
        self.out.pop_front()
    }

    /// When to call [`Decoder::handle`] with no bytes.
    pub fn deadline(&self) -> Option<Time> {
        self.deadline
    }

    fn wait(&self) -> Option<Duration> {
        match self.state {
            State::Ground | State::Utf8 => None,
            State::Paste => Some(PASTE_QUIET),
            State::Escape | State::EscapeUtf8 | State::Ss3 => Some(ESCAPE_WAIT),
            State::Csi | State::Text if self.length == 0 => Some(ESCAPE_WAIT),
            State::Csi | State::CsiLinux | State::Mouse(_) | State::Text | State::TextEscape => {
                Some(SEQUENCE_STALL)
            }
        }
    }

    fn expire(&mut self, now: Time) {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        self.deadline = None;
        match self.state {
            State::Escape | State::EscapeUtf8 => self.key(Code::Esc, Mods::NONE),
            State::Ss3 => self.key(Code::Char('O'), Mods::ALT),
            State::Csi if self.length == 0 => self.key(Code::Char('['), Mods::ALT),
            State::Text if self.length == 0 => {
                let introducer = self.partial.first().copied().unwrap_or(b']');
                self.key(Code::Char(char::from(introducer)), Mods::ALT);
            }
            State::Paste => {
                self.pasting_since = None;
                self.out.extend(self.paste.cut().map(Input::Paste));
                self.out.push_back(Input::PasteUnended);
            }
            State::Ground
            | State::Utf8
            | State::Csi
            | State::CsiLinux
            | State::Mouse(_)
            | State::Text
            | State::TextEscape => {}
        }
        self.enter(State::Ground);
    }

    fn step(&mut self, byte: u8) {
        match self.state {
            State::Ground => self.ground(byte, Mods::NONE),
            State::Escape => self.escape(byte),
            State::Utf8 => self.utf8(byte, Mods::NONE),
            State::EscapeUtf8 => self.utf8(byte, Mods::ALT),
            State::Csi => self.csi(byte),
            State::CsiLinux => self.csi_linux(byte),
            State::Mouse(left) if left <= 1 => self.enter(State::Ground),
            State::Mouse(left) => self.state = State::Mouse(left - 1),
            State::Ss3 => self.ss3(byte),
            State::Text => self.text(byte),
            State::TextEscape => self.text_escape(byte),
            State::Paste => self.pasted(byte),
        }
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.partial.clear();
        self.length = 0;
    }

    fn key(&mut self, code: Code, mods: Mods) {
        self.out.push_back(Input::Key(Key { mods, ..Key::press(code) }));
    }

    fn ground(&mut self, byte: u8, mods: Mods) {
        self.enter(State::Ground);
        let ctrl = Mods { ctrl: true, ..mods };
        match byte {
            0x1b => self.enter(State::Escape),
            b'\r' | b'\n' => self.key(Code::Enter, mods),
            b'\t' => self.key(Code::Tab, mods),
            0x08 | 0x7f => self.key(Code::Backspace, mods),
            0x00 => self.key(Code::Char(' '), ctrl),
            0x01..=0x1a => self.key(Code::Char(char::from(byte - 1 + b'a')), ctrl),
            0x1c..=0x1f => self.key(Code::Char(char::from(byte + 0x40)), ctrl),
            0x20..=0x7e => self.key(Code::Char(char::from(byte)), mods),
            0xc2..=0xf4 => {
                self.partial.push(byte);
                self.state = if mods.alt { State::EscapeUtf8 } else { State::Utf8 };
            }
            // Not the beginning of any character: 8-bit controls and broken text type nothing.
            0x80..=0xc1 | 0xf5..=0xff => {}
        }
    }

    fn escape(&mut self, byte: u8) {
        match byte {
            b'[' => self.enter(State::Csi),
            b'O' => self.enter(State::Ss3),
            b']' | b'P' | b'X' | b'^' | b'_' => {
                self.enter(State::Text);
                self.partial.push(byte);
            }
            // Esc pressed twice, or Esc and then a key that is a sequence itself.
            0x1b => self.key(Code::Esc, Mods::NONE),
            _ => self.ground(byte, Mods::ALT),
        }
    }

    fn utf8(&mut self, byte: u8, mods: Mods) {
        if !(0x80..=0xbf).contains(&byte) {
            return self.ground(byte, Mods::NONE);
        }
        self.partial.push(byte);
        let whole = match self.partial[0] {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            _ => 4,
        };
        if self.partial.len() < whole {
            return;
        }
        let typed = core::str::from_utf8(&self.partial).ok().and_then(|text| text.chars().next());
        self.enter(State::Ground);
        if let Some(c) = typed.filter(|c| !c.is_control()) {
            self.key(Code::Char(c), mods);
        }
    }

    fn csi(&mut self, byte: u8) {
        let first = self.length == 0;
        self.length += 1;
        match byte {
            b'[' if first => self.state = State::CsiLinux,
            b'M' if first => self.enter(State::Mouse(3)),
            0x20..=0x3f if self.length > STRING_BYTES_MAX => self.enter(State::Ground),
            0x20..=0x3f if self.partial.len() < SEQUENCE_BYTES_MAX => self.partial.push(byte),
            0x20..=0x3f => {}
            0x40..=0x7e => self.csi_final(byte),
            // A control or a new character: the sequence was cut, what follows is not.
            0x00..=0x1f | 0x7f..=0xff => self.ground(byte, Mods::NONE),
        }
    }

    fn csi_final(&mut self, last: u8) {
        let whole = self.length <= SEQUENCE_BYTES_MAX;
        let meaning = if whole { csi::meaning(&self.partial, last) } else { csi::Meaning::Nothing };
        self.enter(State::Ground);
        match meaning {
            csi::Meaning::Nothing => {}
            csi::Meaning::Input(input) => self.out.push_back(input),
            csi::Meaning::Keys(keys) => self.out.extend(keys.into_iter().map(Input::Key)),
            csi::Meaning::PasteBegins => self.enter(State::Paste),
        }
    }

    fn csi_linux(&mut self, byte: u8) {
        if !(0x20..0x7f).contains(&byte) {
            return self.ground(byte, Mods::NONE);
        }
        self.enter(State::Ground);
        if let b'A'..=b'E' = byte {
            self.key(Code::F(byte - b'A' + 1), Mods::NONE);
        }
    }

    fn ss3(&mut self, byte: u8) {
        if !(0x20..0x7f).contains(&byte) {
            return self.ground(byte, Mods::NONE);
        }
        self.enter(State::Ground);
        if let Some(code) = csi::ss3(byte) {
            self.key(code, Mods::NONE);
        }
    }

    fn text(&mut self, byte: u8) {
        self.length += 1;
        match byte {
            0x1b => self.state = State::TextEscape,
            // BEL, CAN and SUB end it; so does more than any terminal answers.
            0x07 | 0x18 | 0x1a => self.enter(State::Ground),
            _ if self.length >= STRING_BYTES_MAX => self.enter(State::Ground),
            _ => {}
        }
    }

    fn text_escape(&mut self, byte: u8) {
        self.enter(State::Ground);
        if byte != b'\\' {
            self.enter(State::Escape);
            self.escape(byte);
        }
    }

    fn pasted(&mut self, byte: u8) {
        if let Some(text) = self.paste.take(byte) {
            self.enter(State::Ground);
            self.out.push_back(Input::Paste(text));
        }
    }
}

#[cfg(test)]
mod tests;
