//! What keys do, and the names by which the configuration knows it.

use super::super::contacts::Step;
use super::super::input::Edit;

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Open or close the help.
    Help,
    /// Open or close the palette of all commands.
    Palette,
    /// Open or close the settings.
    Settings,
    /// Open the settings at the devices.
    Devices,
    /// Another page of the settings.
    Turn {
        /// The next one, rather than the one before.
        next: bool,
    },
    /// Change the chosen setting.
    Change,
    /// Take the usual value of the chosen setting.
    Reset,
    /// Record three seconds and play them.
    EchoTest,
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
    /// From the name to the message that goes with the request, and back.
    OtherLine,
    /// Accept the selected request.
    Accept,
    /// Remove the selected contact or reject the selected request.
    Remove,
    /// Put the selected contact first, or no longer.
    Favourite,
    /// Give the selected contact a name of our own.
    Rename,
    /// Go to the next contact who wrote something unread.
    NextUnread,
    /// Look for somebody in the list.
    Find,
    /// Compare keys with the selected contact, or the chosen member.
    Verify,
    /// Say that what was compared matches, or does not.
    Judge(bool),
    /// Show a code for cameras.
    Code,
    /// Exchange light and dark in it.
    Invert,
    /// Block the selected contact; asks.
    Block,
    /// Show who is blocked.
    Blocked,
    /// Let the chosen one in again.
    Unblock,
    /// Take the removal back.
    Undo,
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
    /// Let nothing ring, or let it again.
    DoNotDisturb,
    /// Push to talk.
    Talk,
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

impl Act {
    /// Whether a key that is held does it again and again.
    pub const fn repeats(self) -> bool {
        matches!(
            self,
            Self::Move(_)
                | Self::Edit(_)
                | Self::Scroll { .. }
                | Self::Choose { .. }
                | Self::Louder
                | Self::Quieter
                | Self::NewLine
        )
    }

    /// The stable name in `[keys]` of the configuration, and, with blanks for dashes, in the palette.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Help => "help",
            Self::Palette => "commands",
            Self::Settings => "settings",
            Self::Devices => "devices",
            Self::Turn { next: true } => "next-page",
            Self::Turn { next: false } => "previous-page",
            Self::Change => "change",
            Self::Reset => "reset",
            Self::EchoTest => "echo-test",
            Self::OtherPane => "other-pane",
            Self::Mute => "mute",
            Self::HangUp => "hang-up",
            Self::CallView => "call-view",
            Self::Talk => "talk",
            Self::DoNotDisturb => "do-not-disturb",
            Self::Redraw => "redraw",
            Self::Suspend => "suspend",
            Self::Interrupt => "interrupt",
            Self::Quit => "quit",
            Self::Move(step) => match step {
                Step::Up => "up",
                Step::Down => "down",
                Step::PageUp => "page-up",
                Step::PageDown => "page-down",
                Step::First => "first",
                Step::Last => "last",
            },
            Self::Open => "open",
            Self::Call => "call",
            Self::Mark => "mark",
            Self::Unmark => "unmark",
            Self::Add => "add",
            Self::OtherLine => "other-line",
            Self::Accept => "accept",
            Self::Remove => "remove",
            Self::Favourite => "favourite",
            Self::Rename => "rename",
            Self::NextUnread => "next-unread",
            Self::Find => "find",
            Self::Verify => "verify",
            Self::Judge(true) => "matches",
            Self::Judge(false) => "differs",
            Self::Code => "code",
            Self::Invert => "invert",
            Self::Block => "block",
            Self::Blocked => "blocked",
            Self::Unblock => "unblock",
            Self::Undo => "undo",
            Self::Go => "go",
            Self::NewLine => "new-line",
            Self::Back => "back",
            Self::Edit(edit) => match edit {
                Edit::Left => "left",
                Edit::Right => "right",
                Edit::WordLeft => "word-left",
                Edit::WordRight => "word-right",
                Edit::Home => "line-start",
                Edit::End => "line-end",
                Edit::Backspace => "backspace",
                Edit::Delete => "delete",
                Edit::CutWord => "cut-word",
                Edit::CutToStart => "cut-to-start",
                Edit::CutToEnd => "cut-to-end",
                Edit::Yank => "put-back",
            },
            Self::Scroll { up: true } => "scroll-up",
            Self::Scroll { up: false } => "scroll-down",
            Self::Answer { muted: false } => "answer",
            Self::Answer { muted: true } => "answer-muted",
            Self::Decline => "decline",
            Self::DeclineAndWrite => "decline-and-write",
            Self::Silence => "silence",
            Self::Choose { down: true } => "next-member",
            Self::Choose { down: false } => "previous-member",
            Self::Louder => "louder",
            Self::Quieter => "quieter",
            Self::SayAgain(true) => "say-again",
            Self::SayAgain(false) => "stop-again",
            Self::Record => "record",
            Self::Consent => "yes",
            Self::OwnLink => "own-link",
        }
    }
}
