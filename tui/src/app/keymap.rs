//! Keys, where they count, what they do, and the words for it: one table. Update, footer, help and README all read
//! it, so that they cannot disagree.

use crate::keys::{Code, Key, Kind, Mods};

use super::contacts::Step;
use super::input::Edit;

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
    /// The first-run screen.
    Welcome,
    /// The full stop after the server showed another key.
    Stop,
    /// The help is open.
    Help,
}

impl Place {
    /// The places that help and README list, with their headings.
    pub const LISTED: [(Self, &'static str); 6] = [
        (Self::Anywhere, "Anywhere"),
        (Self::List, "In the list"),
        (Self::Message, "In the message line"),
        (Self::Call, "In the call view"),
        (Self::Incoming, "When somebody calls"),
        (Self::Consent, "Asked about an unencrypted call"),
    ];
}

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Open or close the help.
    Help,
    /// The other pane.
    OtherPane,
    /// Mute or unmute.
    Mute,
    /// Hang up, stop calling, or decline.
    HangUp,
    /// Open or close the call view, or bring the incoming call to the front.
    CallView,
    /// Paint everything anew.
    Redraw,
    /// Stop the program until it is continued.
    Suspend,
    /// ^C: the second one quits.
    Interrupt,
    /// Quit; asks in a call.
    Quit,
    /// Move in the list.
    Move(Step),
    /// Write to the selected contact, or accept the selected request.
    Open,
    /// Call all that are marked, or else the selected contact.
    Call,
    /// Mark the selected contact for a call of several, or take the mark back.
    Mark,
    /// Take all marks back.
    Unmark,
    /// Open the window to add a contact.
    Add,
    /// Accept the selected request.
    Accept,
    /// Remove the selected contact or reject the selected request.
    Remove,
    /// Take the removal back.
    Undo,
    /// Put the selected contact first, or no longer.
    Favourite,
    /// Give the selected contact a name of our own.
    Rename,
    /// Go to the next contact who wrote something unread.
    NextUnread,
    /// Send, join, ask, go on: the one thing the line or window is for.
    Go,
    /// A new line in the message.
    NewLine,
    /// Back to the list, or close the window.
    Back,
    /// Edit the line.
    Edit(Edit),
    /// Scroll the chat by half a page.
    Scroll {
        /// Towards the older lines.
        up: bool,
    },
    /// Answer the call.
    Answer {
        /// With the microphone off.
        muted: bool,
    },
    /// Decline it.
    Decline,
    /// Decline it and write to the caller.
    DeclineAndWrite,
    /// Stop the bell, let it ring.
    Silence,
    /// Choose another member of the call.
    Choose {
        /// The next one, rather than the one before.
        down: bool,
    },
    /// Play the chosen one louder.
    Louder,
    /// Play the chosen one quieter.
    Quieter,
    /// Say the last ten seconds again, or stop that.
    SayAgain(bool),
    /// Keep the call in a file, or end that.
    Record,
    /// Do what was asked for although it is not encrypted, now and later.
    Consent,
    /// Make a link to hand out.
    OwnLink,
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
}

/// The row that `key` means, looking through `places` in order.
pub fn meaning(key: Key, places: &[Place]) -> Option<&'static Row> {
    let pressed = Key { kind: Kind::Press, ..key };
    let at = |place: &Place| TABLE.iter().find(|row| row.place == *place && row.keys.contains(&pressed));
    places.iter().find_map(at)
}

/// The rows of a place that the help lists.
pub fn listed(place: Place) -> impl Iterator<Item = &'static Row> {
    TABLE.iter().filter(move |row| row.place == place && !row.help.is_empty())
}

/// The words of the footer for these places, in the order of the table.
pub fn hints(places: &[Place]) -> Vec<(&'static str, &'static str)> {
    let rows = places.iter().flat_map(|place| TABLE.iter().filter(move |row| row.place == *place));
    let mut hints: Vec<(&str, &str)> = Vec::new();
    for (key, hint) in rows.filter(|row| !row.hint.is_empty()).map(|row| (first_key(row.shown), row.hint)) {
        // What a key means in the more particular place hides what it means in the other.
        if !hints.iter().any(|(other, _)| *other == key) {
            hints.push((key, hint));
        }
    }
    hints
}

/// The row of a place that the footer names by this key.
pub fn hinted(place: Place, key: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.place == place && !row.hint.is_empty() && first_key(row.shown) == key)
}

fn first_key(shown: &'static str) -> &'static str {
    shown.split(" or ").next().unwrap_or(shown)
}

/// The keys as the README shows them, in Markdown.
pub fn readme_table() -> String {
    let mut text = String::from("| where | key | what it does |\n| --- | --- | --- |\n");
    for (place, heading) in Place::LISTED {
        for row in listed(place) {
            let keys = row.shown.split(" or ").map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
            text.push_str(&format!("| {} | {keys} | {} |\n", heading.to_lowercase(), row.help));
        }
    }
    text
}

const fn row(
    keys: &'static [Key],
    shown: &'static str,
    place: Place,
    act: Act,
    help: &'static str,
    hint: &'static str,
) -> Row {
    Row { keys, shown, place, act, help, hint }
}

const fn code(code: Code) -> Key {
    Key::press(code)
}

const fn ch(c: char) -> Key {
    Key::char(c)
}

const fn held(code: Code, mods: Mods) -> Key {
    Key { code, mods, kind: Kind::Press }
}

/// Every key. The order is that of the help and, within a place, of the footer.
pub const TABLE: &[Row] = &{
    use Place::{
        Add, Again, Anywhere, Call, Consent, Edit as Line, Help, Incoming, List, Marked, Message, Rename,
        Stop, Welcome,
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
        row(&[ch('u')], "u", List, Act::Undo, "undo it, for 10 s", ""),
        row(&[ch('n')], "n", List, Act::NextUnread, "next who wrote", ""),
        row(&[ch('f')], "f", List, Act::Favourite, "keep first, or not", ""),
        row(&[ch('R')], "R", List, Act::Rename, "call them otherwise", ""),
        row(&[ch('j'), code(Code::Down)], "j or k", List, Act::Move(Step::Down), "down, up (arrows too)", ""),
        row(&[ch('k'), code(Code::Up)], "k", List, Act::Move(Step::Up), "", ""),
        row(
            &[ch('g'), code(Code::Home)],
            "g or G",
            List,
            Act::Move(Step::First),
            "to the first, the last",
            "",
        ),
        row(&[ch('G'), code(Code::End)], "G", List, Act::Move(Step::Last), "", ""),
        row(&[code(Code::PageUp)], "PgUp", List, Act::Scroll { up: true }, "", ""),
        row(&[code(Code::PageDown)], "PgDn", List, Act::Scroll { up: false }, "", ""),
        row(&[ch('q')], "q", List, Act::Quit, "quit (asks in a call)", ""),
        row(&[ch('?')], "?", List, Act::Help, "", ""),
        //
        row(&[code(Code::Enter)], "Enter", Message, Act::Go, "send", "send"),
        row(&[held(Code::Enter, Mods::ALT)], "Alt-Enter", Message, Act::NewLine, "new line", "new line"),
        row(&[code(Code::Esc)], "Esc", Message, Act::Back, "back to the list", "list"),
        row(&[code(Code::PageUp)], "PgUp", Message, Act::Scroll { up: true }, "older lines", ""),
        row(&[code(Code::PageDown)], "PgDn", Message, Act::Scroll { up: false }, "newer lines", ""),
        row(&[Key::ctrl('w')], "^W", Line, Act::Edit(Edit::CutWord), "", ""),
        row(&[Key::ctrl('u')], "^U", Line, Act::Edit(Edit::CutToStart), "", ""),
        row(&[Key::ctrl('k')], "^K", Line, Act::Edit(Edit::CutToEnd), "", ""),
        row(&[Key::ctrl('y')], "^Y", Line, Act::Edit(Edit::Yank), "", ""),
        row(&[Key::ctrl('a'), code(Code::Home)], "^A", Line, Act::Edit(Edit::Home), "", ""),
        row(&[Key::ctrl('e'), code(Code::End)], "^E", Line, Act::Edit(Edit::End), "", ""),
        row(&[code(Code::Left)], "Left", Line, Act::Edit(Edit::Left), "", ""),
        row(&[code(Code::Right)], "Right", Line, Act::Edit(Edit::Right), "", ""),
        row(
            &[held(Code::Left, Mods::CTRL), Key::alt(Code::Char('b'))],
            "^Left",
            Line,
            Act::Edit(Edit::WordLeft),
            "",
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
        row(&[ch('j'), code(Code::Down)], "j or k", Call, Act::Choose { down: true }, "choose a member", ""),
        row(&[ch('k'), code(Code::Up)], "k", Call, Act::Choose { down: false }, "", ""),
        row(&[ch('+'), ch('=')], "+ or -", Call, Act::Louder, "louder, quieter", "louder"),
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
        row(&[ch('?')], "?", Call, Act::Help, "", ""),
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
        row(&[Key::ctrl('o')], "^O", Add, Act::OwnLink, "", "own link"),
        row(&[code(Code::Esc)], "Esc", Add, Act::Back, "", "close"),
        //
        row(&[code(Code::Enter)], "Enter", Rename, Act::Go, "", "call them so"),
        row(&[code(Code::Esc)], "Esc", Rename, Act::Back, "", "close"),
        //
        row(&[code(Code::Enter)], "Enter", Welcome, Act::Go, "", "go on"),
        //
        row(&[ch('q'), code(Code::Esc)], "q", Stop, Act::Quit, "", "quit"),
        //
        row(&[code(Code::Esc), ch('q'), ch('?')], "Esc", Help, Act::Back, "", "close"),
        row(
            &[ch('j'), code(Code::Down), code(Code::PageDown)],
            "j",
            Help,
            Act::Scroll { up: false },
            "",
            "down",
        ),
        row(&[ch('k'), code(Code::Up), code(Code::PageUp)], "k", Help, Act::Scroll { up: true }, "", "up"),
        //
        row(&[code(Code::Tab)], "Tab", Anywhere, Act::OtherPane, "other pane", ""),
        row(&[Key::ctrl('t'), code(Code::F(2))], "^T or F2", Anywhere, Act::Mute, "mute, unmute", ""),
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
        row(&[Key::ctrl('z')], "^Z", Anywhere, Act::Suspend, "suspend", ""),
        row(&[Key::ctrl('c')], "^C ^C", Anywhere, Act::Interrupt, "quit", ""),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_means_one_thing_in_a_place() {
        for (at, row) in TABLE.iter().enumerate() {
            for key in row.keys {
                let again =
                    TABLE[..at].iter().find(|other| other.place == row.place && other.keys.contains(key));
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
            let text = matches!(
                row.place,
                Place::Anywhere | Place::Message | Place::Edit | Place::Add | Place::Rename | Place::Welcome
            );
            for key in row.keys {
                assert!(!text || key.typed().is_none(), "{key:?} acts in {:?}", row.place);
            }
        }
    }

    /// Two columns of help stand side by side on 80 columns.
    #[test]
    fn the_help_has_room_for_its_words() {
        for (place, _) in Place::LISTED {
            for row in listed(place) {
                assert!(row.shown.len() <= 10 && row.help.len() <= 25, "{}: {}", row.shown, row.help);
            }
        }
    }

    #[test]
    fn the_readme_lists_the_keys() {
        let readme = include_str!("../../../README.md");
        let section =
            readme.split("<!-- keys -->\n").nth(1).expect("README.md has a section between key marks");
        assert_eq!(
            section,
            readme_table(),
            "README.md: put this table between its key marks\n{}",
            readme_table()
        );
    }
}
