//! What a key press is, once the terminal's bytes are decoded. Plain data, so that the pure rooms can speak of
//! keys without knowing a terminal; `app::keymap` gives them a meaning.

/// Something the person at the terminal did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key went down, repeated or (where the terminal can tell) came up.
    Key(Key),
    /// A bracketed paste: line ends are `\n`, other control characters are gone, the length is bounded.
    Paste(String),
    /// A paste ended without its end mark: what it held came as [`Input::Paste`], what comes next is typed.
    PasteUnended,
    /// The terminal window gained (`true`) or lost the keyboard focus.
    Focus(bool),
    /// The terminal says that it tells when keys come up (its reply to a question of the kitty keyboard protocol).
    TellsReleases,
}

/// One key event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Which key.
    pub code: Code,
    /// What was held with it. Shift is folded into a character (`A`, not Shift and `a`).
    pub mods: Mods,
    /// Down, repeated or up. Terminals without the kitty keyboard protocol only ever say `Press`.
    pub kind: Kind,
    /// What the key would type in the US layout, where the terminal says so (kitty keyboard protocol) and it is not
    /// what it types.
    pub base: Option<char>,
}

impl Key {
    /// A plain press.
    pub const fn press(code: Code) -> Self {
        Self { code, mods: Mods::NONE, kind: Kind::Press, base: None }
    }

    /// A press of a character key.
    pub const fn char(c: char) -> Self {
        Self::press(Code::Char(c))
    }

    /// A press of Ctrl and a letter.
    pub const fn ctrl(c: char) -> Self {
        Self { mods: Mods::CTRL, ..Self::char(c) }
    }

    /// A press of Alt and `code`.
    pub const fn alt(code: Code) -> Self {
        Self { mods: Mods::ALT, ..Self::press(code) }
    }

    /// The character this key types into a text, if it types one.
    pub fn typed(self) -> Option<char> {
        match self.code {
            Code::Char(c) if !self.mods.ctrl && !self.mods.alt => Some(c),
            Code::Char(_)
            | Code::Enter
            | Code::Tab
            | Code::Backspace
            | Code::Esc
            | Code::Up
            | Code::Down
            | Code::Left
            | Code::Right
            | Code::Home
            | Code::End
            | Code::PageUp
            | Code::PageDown
            | Code::Insert
            | Code::Delete
            | Code::F(_) => None,
        }
    }
}

/// The keys that exist for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// A key that types this character. With Ctrl it is lower case.
    Char(char),
    /// Return, also the keypad's.
    Enter,
    /// Tab; with Shift it goes backwards.
    Tab,
    /// Rubs out to the left.
    Backspace,
    /// Escape.
    Esc,
    /// Arrow.
    Up,
    /// Arrow.
    Down,
    /// Arrow.
    Left,
    /// Arrow.
    Right,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Insert.
    Insert,
    /// Rubs out to the right.
    Delete,
    /// A function key, 1 to 35.
    F(u8),
}

/// Modifier keys held with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Mods {
    /// Shift, only where it is not already in the character.
    pub shift: bool,
    /// Alt, also Meta.
    pub alt: bool,
    /// Control.
    pub ctrl: bool,
}

impl Mods {
    /// Nothing held.
    pub const NONE: Self = Self { shift: false, alt: false, ctrl: false };
    /// Control alone.
    pub const CTRL: Self = Self { shift: false, alt: false, ctrl: true };
    /// Alt alone.
    pub const ALT: Self = Self { shift: false, alt: true, ctrl: false };
    /// Shift alone.
    pub const SHIFT: Self = Self { shift: true, alt: false, ctrl: false };
}

/// What happened to the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// It went down.
    Press,
    /// It is held and repeats.
    Repeat,
    /// It came up.
    Release,
}
