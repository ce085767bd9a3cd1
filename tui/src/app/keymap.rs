//! Keys, where they count, what they do, and the words for it: one table. Update, footer, help and README all read
//! it, so that they cannot disagree.

use crate::keys::{Code, Key, Kind, Mods};

use super::contacts::Step;
use super::input::Edit;

mod act;
mod bound;
mod layout;
mod older;
pub mod text;

pub use act::Act;
pub use bound::{Binding, Hint, Keymap, Wrong};

/// Where a key counts. Several places can be active at once; the more particular one wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On every page.
    Anywhere,
    /// The list has the focus.
    List,
    /// The list has the focus, and somebody in it is marked.
    Marked,
    /// The message line has the focus.
    Message,
    /// Any line of text is being edited.
    Edit,
    /// The call view is open.
    Call,
    /// The call view is open, and something is being said again.
    Again,
    /// The window of an incoming call is open.
    Incoming,
    /// The window is open that asks about a call that would not be encrypted.
    Consent,
    /// The window to add a contact is open.
    Add,
    /// The window to give somebody a name of our own is open.
    Rename,
    /// Somebody is being looked for in the list.
    Find,
    /// The window to compare keys is open.
    Verify,
    /// The window about a changed key is open.
    Changed,
    /// The window of those who are blocked is open.
    Blocked,
    /// A code for cameras is shown.
    Code,
    /// The first-run screen.
    Welcome,
    /// The first look at the sound, after the name was taken.
    FirstSound,
    /// The full stop after the server showed another key.
    Stop,
    /// The help is open.
    Help,
    /// The command palette is open.
    Palette,
    /// The settings are open.
    Settings,
}

impl Place {
    /// The places that help and README list, with their headings.
    pub const LISTED: [(Self, &'static str); 9] = [
        (Self::Anywhere, "Anywhere"),
        (Self::List, "In the list"),
        (Self::Message, "In the message line"),
        (Self::Edit, "In any line of text"),
        (Self::Call, "In the call view"),
        (Self::Incoming, "When somebody calls"),
        (Self::Settings, "In the settings"),
        (Self::Consent, "Asked about an unencrypted call"),
        (Self::Verify, "Comparing keys"),
    ];

    /// Its heading in the help.
    pub fn heading(self) -> &'static str {
        Self::LISTED.iter().find(|(place, _)| *place == self).map_or("Here", |(_, heading)| heading)
    }

    /// Places that count at the same time, besides [`Place::Anywhere`], which always does.
    const TOGETHER: [&[Self]; 10] = [
        &[Self::Help, Self::Edit],
        &[Self::Palette, Self::Edit],
        &[Self::Marked, Self::List],
        &[Self::Message, Self::Edit],
        &[Self::Again, Self::Call],
        &[Self::Add, Self::Edit],
        &[Self::Rename, Self::Edit],
        &[Self::Find, Self::Edit],
        &[Self::Changed, Self::Edit],
        &[Self::Welcome, Self::Edit],
    ];

    /// Its table below `[keys]` in the configuration; what counts anywhere is in `[keys]` itself.
    pub const fn table(self) -> &'static str {
        match self {
            Self::Anywhere => "",
            Self::List | Self::Marked => "list",
            Self::Message => "message",
            Self::Edit => "edit",
            Self::Call | Self::Again => "call",
            Self::Incoming => "incoming",
            Self::Consent => "consent",
            Self::Add => "add",
            Self::Rename => "rename",
            Self::Find => "find",
            Self::Verify => "verify",
            Self::Changed => "changed-key",
            Self::Blocked => "blocked",
            Self::Code => "code",
            Self::Welcome => "welcome",
            Self::FirstSound => "first-sound",
            Self::Stop => "stop",
            Self::Help => "help-page",
            Self::Palette => "palette",
            Self::Settings => "settings-page",
        }
    }

    /// Whether letters are text there (or may be, since it counts where they are): none of them can be a command.
    pub fn is_text(self) -> bool {
        self == Self::Anywhere
            || Self::TOGETHER.iter().any(|all| all.contains(&self) && all.contains(&Self::Edit))
    }

    /// Whether both can count at the same time.
    pub fn meets(self, other: Self) -> bool {
        self == other
            || self == Self::Anywhere
            || other == Self::Anywhere
            || Self::TOGETHER.iter().any(|all| all.contains(&self) && all.contains(&other))
    }
}

/// One row of the table.
#[derive(Debug)]
pub struct Row {
    /// The keys.
    pub keys: &'static [Key],
    /// The keys as people read them.
    pub shown: &'static str,
    /// Where they count.
    pub place: Place,
    /// What they do.
    pub act: Act,
    /// What they do, for the help; empty rows are obvious and not listed.
    pub help: &'static str,
    /// What they do, for the footer; empty rows are not in it.
    pub hint: &'static str,
    /// The help tells of the next row's key, too.
    pub pair: bool,
}

impl Row {
    const fn with_next(self) -> Self {
        Self { pair: true, ..self }
    }

    /// Its name in the configuration: the table below `[keys]`, and the action.
    pub fn name(&self) -> String {
        match self.place.table() {
            "" => self.act.name().to_owned(),
            table => format!("{table}.{}", self.act.name()),
        }
    }
}

const fn row(
    keys: &'static [Key],
    shown: &'static str,
    place: Place,
    act: Act,
    help: &'static str,
    hint: &'static str,
) -> Row {
    Row { keys, shown, place, act, help, hint, pair: false }
}

const fn code(code: Code) -> Key {
    Key::press(code)
}

const fn ch(c: char) -> Key {
    Key::char(c)
}

const fn held(code: Code, mods: Mods) -> Key {
    Key { code, mods, kind: Kind::Press, base: None }
}

/// Every key. The order is that of the help and, within a place, of the footer.
pub const TABLE: &[Row] = &{
    use Place::{
        Add, Again, Anywhere, Blocked, Call, Changed, Code as Code_, Consent, Edit as Line, Find, FirstSound,
        Help, Incoming, List, Marked, Message, Palette, Rename, Settings, Stop, Verify, Welcome,
    };
    [
        row(&[ch('c'), ch('C')], "c", Marked, Act::Call, "", "call them"),
        row(&[code(Code::Esc)], "Esc", Marked, Act::Unmark, "", "unmark"),
        //
        row(&[ch('c'), ch('C')], "c", List, Act::Call, "call, or call all marked", "call"),
        row(&[ch(' ')], "Space", List, Act::Mark, "mark (Esc: unmark all)", "mark"),
        row(&[ch('a')], "a", List, Act::Add, "add a contact", "add"),
        row(&[code(Code::Enter)], "Enter", List, Act::Open, "write, or accept", "write"),
        row(&[ch('A')], "A", List, Act::Accept, "accept a request", ""),
        row(&[ch('D')], "D", List, Act::Remove, "remove, or reject", ""),
        row(&[ch('u')], "u", List, Act::Undo, "undo it, for 10 s", "undo"),
        row(&[ch('n')], "n", List, Act::NextUnread, "next who wrote", ""),
        row(&[ch('/')], "/", List, Act::Find, "find somebody", "find"),
        row(&[ch('s')], "s", List, Act::Verify, "verify, compare keys", "verify"),
        row(&[ch('f')], "f", List, Act::Favourite, "favourite, or not", ""),
        row(&[ch('R')], "R", List, Act::Rename, "rename for yourself", ""),
        row(&[ch('b')], "b", List, Act::Block, "block (asks)", ""),
        row(&[ch('B')], "B", List, Act::Blocked, "who is blocked", ""),
        row(&[ch('j'), code(Code::Down)], "j or k", List, Act::Move(Step::Down), "down, up (arrows too)", "")
            .with_next(),
        row(&[ch('k'), code(Code::Up)], "k", List, Act::Move(Step::Up), "", ""),
        row(
            &[ch('g'), code(Code::Home)],
            "g or G",
            List,
            Act::Move(Step::First),
            "to the first, the last",
            "",
        )
        .with_next(),
        row(&[ch('G'), code(Code::End)], "G", List, Act::Move(Step::Last), "", ""),
        row(&[code(Code::PageUp)], "PgUp", List, Act::Scroll { up: true }, "", ""),
        row(&[code(Code::PageDown)], "PgDn", List, Act::Scroll { up: false }, "", ""),
        row(&[ch('Z')], "Z", List, Act::DoNotDisturb, "do not disturb, or do", ""),
        row(&[ch('q')], "q", List, Act::Quit, "quit (asks in a call)", ""),
        row(&[ch(',')], ",", List, Act::Settings, "settings", ""),
        row(&[ch('d')], "d", List, Act::Devices, "devices, echo test", ""),
        row(&[ch(':')], ":", List, Act::Palette, "", ""),
        row(&[ch('?')], "?", List, Act::Help, "", "help"),
        //
        row(&[code(Code::Enter)], "Enter", Message, Act::Go, "send", "send"),
        row(&[held(Code::Enter, Mods::ALT)], "Alt-Enter", Message, Act::NewLine, "new line", "new line"),
        row(&[code(Code::Esc)], "Esc", Message, Act::Back, "back to the list", "list"),
        row(&[code(Code::PageUp)], "PgUp", Message, Act::Scroll { up: true }, "older lines", ""),
        row(&[code(Code::PageDown)], "PgDn", Message, Act::Scroll { up: false }, "newer lines", ""),
        row(&[Key::ctrl('w')], "^W", Line, Act::Edit(Edit::CutWord), "cut the word before", ""),
        row(&[Key::ctrl('u')], "^U", Line, Act::Edit(Edit::CutToStart), "cut to the start", ""),
        row(&[Key::ctrl('k')], "^K", Line, Act::Edit(Edit::CutToEnd), "cut to the end", ""),
        row(&[Key::ctrl('y')], "^Y", Line, Act::Edit(Edit::Yank), "put back what was cut", ""),
        row(
            &[Key::ctrl('a'), code(Code::Home)],
            "^A or Home",
            Line,
            Act::Edit(Edit::Home),
            "to the start",
            "",
        ),
        row(&[Key::ctrl('e'), code(Code::End)], "^E or End", Line, Act::Edit(Edit::End), "to the end", ""),
        row(&[code(Code::Left)], "Left", Line, Act::Edit(Edit::Left), "", ""),
        row(&[code(Code::Right)], "Right", Line, Act::Edit(Edit::Right), "", ""),
        row(
            &[held(Code::Left, Mods::CTRL), Key::alt(Code::Char('b'))],
            "^Left",
            Line,
            Act::Edit(Edit::WordLeft),
            "a word back (^Right: on)",
            "",
        ),
        row(
            &[held(Code::Right, Mods::CTRL), Key::alt(Code::Char('f'))],
            "^Right",
            Line,
            Act::Edit(Edit::WordRight),
            "",
            "",
        ),
        row(&[code(Code::Backspace)], "Backspace", Line, Act::Edit(Edit::Backspace), "", ""),
        row(&[code(Code::Delete)], "Delete", Line, Act::Edit(Edit::Delete), "", ""),
        //
        row(&[code(Code::Esc)], "Esc", Again, Act::SayAgain(false), "", "stop saying again"),
        //
        row(&[ch('t')], "t", Call, Act::Mute, "mute, unmute", "mute"),
        row(&[ch(' ')], "Space", Call, Act::Talk, "push to talk", "talk"),
        row(&[ch('j'), code(Code::Down)], "j or k", Call, Act::Choose { down: true }, "choose a member", "")
            .with_next(),
        row(&[ch('k'), code(Code::Up)], "k", Call, Act::Choose { down: false }, "", ""),
        row(&[ch('+'), ch('=')], "+ or -", Call, Act::Louder, "louder, quieter", "louder").with_next(),
        row(&[ch('-')], "-", Call, Act::Quieter, "", "quieter"),
        row(
            &[ch('m'), code(Code::Esc), code(Code::Tab)],
            "m or Esc",
            Call,
            Act::CallView,
            "back to the chat",
            "chat",
        ),
        row(&[ch('x')], "x", Call, Act::HangUp, "hang up", "hang up"),
        row(&[ch('r')], "r", Call, Act::SayAgain(true), "say the last 10 s again", "say again"),
        row(&[ch('R')], "R", Call, Act::Record, "record, stop recording", ""),
        row(&[ch('d')], "d", Call, Act::Devices, "devices", "devices"),
        row(&[ch(',')], ",", Call, Act::Settings, "", ""),
        row(&[ch(':')], ":", Call, Act::Palette, "", ""),
        row(&[ch('s')], "s", Call, Act::Verify, "verify, compare words", "verify"),
        row(&[ch('?')], "?", Call, Act::Help, "", "help"),
        row(&[ch('q')], "q", Call, Act::Quit, "", ""),
        //
        row(
            &[code(Code::Enter), ch('y')],
            "y or Enter",
            Incoming,
            Act::Answer { muted: false },
            "answer",
            "answer",
        ),
        row(&[ch('n')], "n", Incoming, Act::Decline, "decline", "decline"),
        row(&[ch('r')], "r", Incoming, Act::DeclineAndWrite, "decline and write why", ""),
        row(&[ch('m')], "m", Incoming, Act::Answer { muted: true }, "answer muted", "answer muted"),
        row(
            &[ch('i'), code(Code::Esc), code(Code::Tab)],
            "i or Esc",
            Incoming,
            Act::Silence,
            "let it ring in silence",
            "silence",
        ),
        //
        row(&[ch('y')], "y", Consent, Act::Consent, "yes, now and later", "call anyway"),
        row(&[ch('n'), code(Code::Esc)], "n or Esc", Consent, Act::Back, "no", "no"),
        //
        row(&[code(Code::Enter)], "Enter", Add, Act::Go, "", "ask"),
        row(
            &[code(Code::Tab), code(Code::Down), code(Code::Up), held(Code::Tab, Mods::SHIFT)],
            "Tab",
            Add,
            Act::OtherLine,
            "message with the request",
            "message",
        ),
        row(&[code(Code::Esc)], "Esc", Add, Act::Back, "", "close"),
        row(&[Key::ctrl('o')], "^O", Add, Act::OwnLink, "", "own link"),
        row(&[Key::ctrl('r')], "^R", Add, Act::Code, "", "as a code"),
        //
        row(&[code(Code::Enter)], "Enter", Rename, Act::Go, "", "rename"),
        row(&[code(Code::Esc)], "Esc", Rename, Act::Back, "", "close"),
        //
        row(&[code(Code::Enter)], "Enter", Find, Act::Go, "", "choose"),
        row(&[code(Code::Down)], "Down", Find, Act::Move(Step::Down), "", "next"),
        row(&[code(Code::Up)], "Up", Find, Act::Move(Step::Up), "", ""),
        row(&[code(Code::Esc)], "Esc", Find, Act::Back, "", "back"),
        //
        row(&[ch('y')], "y", Verify, Act::Judge(true), "they match", "they match"),
        row(&[ch('n')], "n", Verify, Act::Judge(false), "they differ", "they differ"),
        row(&[ch('Q')], "Q", Verify, Act::Code, "the number as a code", "as a code"),
        row(&[code(Code::Esc), ch('q')], "Esc", Verify, Act::Back, "later", "later"),
        //
        row(&[code(Code::Enter)], "Enter", Changed, Act::Go, "", "it is theirs"),
        row(&[code(Code::Esc)], "Esc", Changed, Act::Back, "", "decide later"),
        //
        row(&[ch('u'), code(Code::Enter)], "u", Blocked, Act::Unblock, "", "let in again"),
        row(&[ch('j'), code(Code::Down)], "j", Blocked, Act::Move(Step::Down), "", "down"),
        row(&[ch('k'), code(Code::Up)], "k", Blocked, Act::Move(Step::Up), "", "up"),
        row(&[code(Code::Esc), ch('q')], "Esc", Blocked, Act::Back, "", "close"),
        //
        row(&[code(Code::Esc), ch('q'), ch('Q')], "Esc", Code_, Act::Back, "", "close"),
        row(&[ch('i')], "i", Code_, Act::Invert, "", "exchange light and dark"),
        //
        row(&[code(Code::Enter)], "Enter", Welcome, Act::Go, "", "go on"),
        row(&[Key::ctrl('c')], "^C ^C", Welcome, Act::Interrupt, "", "quit"),
        //
        row(&[code(Code::Enter)], "Enter", FirstSound, Act::Go, "", "go on"),
        row(&[ch('e')], "e", FirstSound, Act::EchoTest, "", "echo test"),
        row(&[ch('d')], "d", FirstSound, Act::Change, "", "another device"),
        row(&[ch('j'), code(Code::Down)], "j", FirstSound, Act::Move(Step::Down), "", "down"),
        row(&[ch('k'), code(Code::Up)], "k", FirstSound, Act::Move(Step::Up), "", "up"),
        row(&[code(Code::Esc)], "Esc", FirstSound, Act::Back, "", ""),
        //
        row(&[ch('q'), code(Code::Esc)], "q", Stop, Act::Quit, "", "quit"),
        //
        row(&[code(Code::Esc)], "Esc", Help, Act::Back, "", "close"),
        row(&[code(Code::Down), code(Code::PageDown)], "Down", Help, Act::Scroll { up: false }, "", "more"),
        row(&[code(Code::Up), code(Code::PageUp)], "Up", Help, Act::Scroll { up: true }, "", ""),
        //
        row(&[code(Code::Enter)], "Enter", Palette, Act::Go, "", "do it"),
        row(&[code(Code::Down), code(Code::Tab)], "Down", Palette, Act::Move(Step::Down), "", "next"),
        row(&[code(Code::Up)], "Up", Palette, Act::Move(Step::Up), "", ""),
        row(&[code(Code::PageDown)], "PgDn", Palette, Act::Move(Step::PageDown), "", ""),
        row(&[code(Code::PageUp)], "PgUp", Palette, Act::Move(Step::PageUp), "", ""),
        row(&[code(Code::Esc)], "Esc", Palette, Act::Back, "", "close"),
        //
        row(&[ch('j'), code(Code::Down)], "j or k", Settings, Act::Move(Step::Down), "down, up", "next")
            .with_next(),
        row(&[ch('k'), code(Code::Up)], "k", Settings, Act::Move(Step::Up), "", ""),
        row(&[code(Code::Enter), ch(' ')], "Enter", Settings, Act::Change, "change it, take it", "change"),
        row(&[code(Code::Esc), ch('q')], "Esc or q", Settings, Act::Back, "back", "back"),
        row(
            &[code(Code::Tab), code(Code::Right), ch('l')],
            "Tab",
            Settings,
            Act::Turn { next: true },
            "next page",
            "page",
        ),
        row(&[ch('e')], "e", Settings, Act::EchoTest, "echo test", "echo test"),
        row(&[ch('r')], "r", Settings, Act::Reset, "back to the usual", "usual"),
        row(
            &[held(Code::Tab, Mods::SHIFT), code(Code::Left), ch('h')],
            "Left or h",
            Settings,
            Act::Turn { next: false },
            "page before",
            "",
        ),
        row(&[ch(':')], ":", Settings, Act::Palette, "", ""),
        row(&[ch('?')], "?", Settings, Act::Help, "", "help"),
        //
        row(&[Key::ctrl('p')], "^P or :", Anywhere, Act::Palette, "all commands", "commands"),
        row(&[code(Code::Tab)], "Tab", Anywhere, Act::OtherPane, "other pane", ""),
        row(&[Key::ctrl('t'), code(Code::F(2))], "^T or F2", Anywhere, Act::Mute, "mute, unmute", ""),
        row(&[code(Code::F(5))], "F5", Anywhere, Act::Talk, "push to talk", ""),
        row(
            &[Key::ctrl('x'), code(Code::F(4))],
            "^X or F4",
            Anywhere,
            Act::HangUp,
            "hang up, or decline",
            "",
        ),
        row(
            &[Key::ctrl('g'), code(Code::F(3))],
            "^G or F3",
            Anywhere,
            Act::CallView,
            "call view, incoming call",
            "",
        ),
        row(&[code(Code::F(1))], "F1 or ?", Anywhere, Act::Help, "this help", "help"),
        row(&[Key::ctrl('l')], "^L", Anywhere, Act::Redraw, "paint anew", ""),
        row(&[Key::ctrl('z')], "^Z", Anywhere, Act::Suspend, "suspend (call on hold)", ""),
        row(&[Key::ctrl('c')], "^C ^C", Anywhere, Act::Interrupt, "quit", ""),
    ]
};

#[cfg(test)]
mod tests;
