//! What can be typed: one table, read by the parser and by `/help`. Where a command is a key of the screen, its words
//! are those of the key.

use crate::app::keymap::{Act, TABLE as KEYS};

/// What a line wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Do {
    Accept,
    AcceptKey,
    Add,
    Again,
    Answer,
    Block,
    Blocked,
    Call,
    Contacts,
    Decline,
    Devices,
    Differ,
    Undisturbed,
    Favourite,
    HangUp,
    Help,
    History,
    Link,
    Match,
    Microphone,
    Mute,
    Talk,
    Quit,
    Record,
    Reject,
    Remove,
    Rename,
    Requests,
    Ring,
    Say,
    Silence,
    Speaker,
    Status,
    To,
    Unblock,
    Undo,
    Verify,
    Volume,
}

/// One command.
pub(super) struct Row {
    /// The word and its arguments, as people read them.
    pub(super) usage: &'static str,
    /// What it does.
    pub(super) does: Do,
    words: Words,
}

/// Where the words for a command are.
enum Words {
    /// In the table of keys.
    Of(Act),
    /// Here: there is no such key, or the command takes more than it.
    Own(&'static str),
}

impl Row {
    /// The word to type, without the slash.
    pub(super) fn word(&self) -> &'static str {
        self.usage.split(' ').next().unwrap_or(self.usage)
    }

    /// What it does, in words.
    pub(super) fn words(&self) -> &'static str {
        match self.words {
            Words::Own(words) => words,
            Words::Of(act) => {
                let row = KEYS.iter().find(|row| row.act == act && !row.help.is_empty());
                row.map_or("", |row| row.help)
            }
        }
    }
}

const fn of(usage: &'static str, does: Do, act: Act) -> Row {
    Row { usage, does, words: Words::Of(act) }
}

const fn own(usage: &'static str, does: Do, words: &'static str) -> Row {
    Row { usage, does, words: Words::Own(words) }
}

/// Every command, those of every day first.
pub(super) const TABLE: &[Row] = &[
    own("call [NAME...]", Do::Call, "call those named, or whom you write to"),
    own("answer [muted]", Do::Answer, "answer the call that rings"),
    of("decline", Do::Decline, Act::Decline),
    of("silence", Do::Silence, Act::Silence),
    of("hangup", Do::HangUp, Act::HangUp),
    own("mute [on|off]", Do::Mute, "mute, unmute"),
    own("talk [on|off]", Do::Talk, "push to talk, where that is on"),
    own("dnd [on|off]", Do::Undisturbed, "do not disturb, or do: nothing rings, lines come as ever"),
    own("to NAME", Do::To, "write to them: lines without a slash are texts"),
    own("say NAME TEXT", Do::Say, "send them one text"),
    own("history [LINES]", Do::History, "the newest lines with whom you write to"),
    own("contacts", Do::Contacts, "who there is, and who asks"),
    own("add NAME [MESSAGE] or LINK", Do::Add, "add a contact; they read the message with the request"),
    own("requests", Do::Requests, "who asks to be your contact, and what they say"),
    own("accept [NAME]", Do::Accept, "accept a request"),
    own("reject NAME", Do::Reject, "reject a request"),
    own("remove NAME", Do::Remove, "remove a contact"),
    own("verify NAME", Do::Verify, "numbers, keys and words to compare with them"),
    own("match NAME", Do::Match, "what you compared matches: they are verified"),
    own("differ NAME", Do::Differ, "it does not match: nothing goes to them or comes from them"),
    own("accept-key NAME", Do::AcceptKey, "the new key behind the name is theirs"),
    own("block NAME", Do::Block, "hear nothing of them any more"),
    own("blocked", Do::Blocked, "who is blocked"),
    own("unblock NAME", Do::Unblock, "let them in again"),
    of("favourite NAME", Do::Favourite, Act::Favourite),
    own("rename NAME [OTHER]", Do::Rename, "rename for yourself; without another, their own name again"),
    of("undo", Do::Undo, Act::Undo),
    own("link", Do::Link, "make a link that makes whoever uses it your contact"),
    own("volume [NAME] PERCENT", Do::Volume, "how loud they are played, 0 to 200"),
    of("again", Do::Again, Act::SayAgain(true)),
    own("record [anyway]", Do::Record, "record, stop recording; anyway where nobody can be told"),
    own("devices", Do::Devices, "list the microphones and speakers"),
    own("microphone DEVICE", Do::Microphone, "take another microphone: a number, a name, or default"),
    own("speaker DEVICE", Do::Speaker, "take another speaker: a number, a name, or default"),
    own("ring DEVICE", Do::Ring, "let calls ring on another device: a number, a name, or speaker"),
    own("status", Do::Status, "how things are: server, call, sound, devices"),
    own("help [WORD]", Do::Help, "this list, or what of it holds the word"),
    own("quit", Do::Quit, "hang up and quit; so does the end of input"),
];

/// What the line wants, and the rest of it; nothing for an empty one. What does not begin with a slash is a text,
/// and so is what begins with two, less one of them.
///
/// # Errors
/// A sentence that says what to type instead.
pub(super) fn parse(line: &str) -> Result<Option<(Do, &str)>, String> {
    let Some(command) = line.strip_prefix('/') else {
        return Ok((!line.trim().is_empty()).then_some((Do::Say, line)));
    };
    if command.starts_with('/') {
        return Ok(Some((Do::Say, command)));
    }
    let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
    Ok(Some((find(word)?.does, rest.trim())))
}

/// The command of this word, or of the only one that begins so.
pub(super) fn find(word: &str) -> Result<&'static Row, String> {
    let word = word.to_ascii_lowercase();
    let shown = proto::Safe::line(&word);
    if let Some(row) = TABLE.iter().find(|row| row.word() == word) {
        return Ok(row);
    }
    let begins: Vec<&Row> =
        TABLE.iter().filter(|row| !word.is_empty() && row.word().starts_with(&word)).collect();
    match begins.as_slice() {
        [row] => Ok(row),
        [] => Err(format!(
            "There is no /{shown}. /help lists what there is; a text that begins so needs two slashes."
        )),
        several => {
            let words: Vec<String> = several.iter().map(|row| format!("/{}", row.word())).collect();
            let (last, first) =
                words.split_last().map_or(("", &[][..]), |(last, first)| (last.as_str(), first));
            Err(format!("/{shown} is short for more than one: type {} or {last}.", first.join(", ")))
        }
    }
}

/// How the command is typed.
pub(super) fn usage(does: Do) -> String {
    let row = TABLE.iter().find(|row| row.does == does);
    format!("Type /{}.", row.map_or("", |row| row.usage))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::keymap::Place;

    /// Every action of the screen can be typed, or says why there is nothing to type.
    fn typed(act: Act) -> Result<&'static str, &'static str> {
        const PAGE: &str = "there is no page to move on";
        const WINDOW: &str =
            "there is no window to open or close: the command takes what would be typed into it";
        const LINE: &str = "the terminal edits the line";
        match act {
            Act::Help | Act::Palette => Ok("help"),
            Act::Mute => Ok("mute"),
            Act::Talk => Ok("talk"),
            Act::HangUp => Ok("hangup"),
            Act::Decline | Act::DeclineAndWrite => Ok("decline"),
            Act::Settings | Act::Devices | Act::Turn { .. } | Act::Change | Act::Reset => {
                Err("the configuration file says it")
            }
            Act::EchoTest => Err("tincan echo does it"),
            Act::DoNotDisturb => Ok("dnd"),
            Act::Interrupt | Act::Quit => Ok("quit"),
            Act::Open => Ok("to"),
            Act::Call | Act::Mark | Act::Unmark => Ok("call"),
            Act::Add | Act::OtherLine => Ok("add"),
            Act::Accept => Ok("accept"),
            Act::Remove => Ok("remove"),
            Act::Undo => Ok("undo"),
            Act::Favourite => Ok("favourite"),
            Act::Rename => Ok("rename"),
            Act::Verify => Ok("verify"),
            Act::Judge(true) => Ok("match"),
            Act::Judge(false) => Ok("differ"),
            Act::Block => Ok("block"),
            Act::Blocked => Ok("blocked"),
            Act::Unblock => Ok("unblock"),
            Act::Find => Err("a name may be short"),
            Act::Code | Act::Invert => Err("lines are no picture for a camera"),
            Act::NextUnread => Err("every text is said as it comes"),
            Act::Go => Ok("say"),
            Act::Answer { .. } => Ok("answer"),
            Act::Silence => Ok("silence"),
            Act::Louder | Act::Quieter | Act::Choose { .. } => Ok("volume"),
            Act::SayAgain(_) => Ok("again"),
            Act::Record => Ok("record"),
            Act::OwnLink => Ok("link"),
            Act::CallView => Ok("status"),
            Act::Scroll { .. } => Ok("history"),
            Act::Consent => Err("the question is answered with yes or no"),
            Act::OtherPane | Act::Move(_) | Act::Redraw => Err(PAGE),
            Act::Back => Err(WINDOW),
            Act::Edit(_) | Act::NewLine => Err(LINE),
            Act::Suspend => Err("the terminal does it"),
        }
    }

    #[test]
    fn every_action_of_the_screen_can_be_typed_or_says_why_not() {
        for row in KEYS {
            match typed(row.act) {
                Ok(word) => assert_eq!(find(word).unwrap().word(), word, "{:?}", row.act),
                Err(why) => assert!(!why.is_empty()),
            }
        }
    }

    #[test]
    fn commands_that_are_keys_have_the_words_of_the_keys() {
        for row in TABLE {
            assert!(!row.words().is_empty(), "/{}", row.usage);
        }
        let mute = KEYS.iter().find(|row| row.act == Act::Mute && row.place == Place::Anywhere).unwrap();
        assert_eq!(find("mute").unwrap().words(), mute.help);
        assert_eq!(find("again").unwrap().words(), "say the last 10 s again");
    }

    #[test]
    fn a_word_may_be_short_and_says_when_it_is_too_short() {
        assert_eq!(parse("/cal bob"), Ok(Some((Do::Call, "bob"))));
        assert_eq!(parse("/hang"), Ok(Some((Do::HangUp, ""))));
        assert_eq!(parse("/TO bob"), Ok(Some((Do::To, "bob"))));
        let many = parse("/a").unwrap_err();
        assert_eq!(
            many,
            "/a is short for more than one: type /answer, /add, /accept, /accept-key or /again."
        );
        assert!(parse("/dance\u{1b}[31m").unwrap_err().starts_with("There is no /dance"));
        assert!(parse("/").unwrap_err().contains("/help"));
    }

    #[test]
    fn what_has_no_slash_or_two_is_a_text() {
        assert_eq!(parse("hello there"), Ok(Some((Do::Say, "hello there"))));
        assert_eq!(parse("//etc/hosts"), Ok(Some((Do::Say, "/etc/hosts"))));
        assert_eq!(parse("  "), Ok(None));
    }
}
