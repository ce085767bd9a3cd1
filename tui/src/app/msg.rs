//! What can happen to the screen, and what the screen can ask for.

use proto::Safe;
use proto::client::{Command, Event};
use proto::id::{Fingerprint, Name, Principal};
use proto::media::{SoundCommand, SoundEvent};

use super::chat::Line;
use super::keymap::Act;
use super::notify::Alert;
use super::personal::Personal;
use super::preferences::{Change, Ears};
use super::ring::Ring;
use super::settings::Heard;
use crate::control::{Reply, Request, Visitor};
use crate::keys::Input;

/// Something happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Msg {
    /// At the keyboard.
    Input(Input),
    /// An action of the keymap, asked for without its key.
    Act(Act),
    /// In the client machine.
    Client(Event),
    /// In the agent.
    Sound(SoundEvent),
    /// What [`Effect::History`] asked for, oldest first.
    History(Name, Vec<Line>),
    /// What was being written to somebody when the program ended.
    Draft(Name, String),
    /// This is the key of the server we talk to, checked.
    Server(Fingerprint),
    /// The connection failed, and why.
    Trouble(Safe),
    /// They are played as loud as they were the last time, in percent.
    Volume(Name, u16),
    /// How many texts of each were not read before this run.
    Unread(Vec<(Principal, usize)>),
    /// What was kept about people for ourselves.
    Personal(Vec<(Principal, Personal)>),
    /// Another program of the user asks for something: [`Effect::Reply`] answers it.
    Asked(Visitor, Request),
    /// The program stood still, and goes on.
    Continued,
    /// A call cannot ring on the device that was chosen for it, but on another one, or not at all.
    RingsElsewhere {
        /// That device.
        wanted: Safe,
        /// The other one.
        instead: Option<Safe>,
    },
    /// What is heard outside of a call, and of the echo test.
    Heard(Heard),
    /// A change of the settings counts, but could not be written: why, in a sentence.
    NotKept(Safe),
    /// The model's deadline passed.
    Tick,
}

/// Something to be done by the loop.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Tell the client machine.
    Send(Command),
    /// Tell the agent.
    Sound(SoundCommand),
    /// Play somebody in the call as loud, and remember it.
    Volume {
        /// Who.
        who: Name,
        /// Percent of what they send.
        percent: u16,
    },
    /// Keep this about somebody, for ourselves.
    Keep(Principal, Personal),
    /// What they wrote was read: remember it.
    Read(Name),
    /// Keep what is being written to somebody; none of it when it is empty.
    Draft(Name, String),
    /// Read the older lines of this chat from the store, and what was being written.
    History(Name),
    /// Keep the call with these in a file; or end that.
    Record(Option<Vec<Name>>),
    /// Put this into the terminal's clipboard. Nobody can tell whether it arrived; see [`super::update::copy`].
    Copy(Safe),
    /// Answer another program.
    Reply(Visitor, Reply),
    /// Write a change of the settings to the configuration.
    Prefer(Change),
    /// Listen to these devices outside of a call, answered with [`Msg::Heard`]; or no longer.
    Listen(Option<Ears>),
    /// Record three seconds of what is listened to, and play them.
    EchoTest,
    /// Tell of something outside the screen: by a notification of the terminal and the user's command.
    Alert(Alert),
    /// Ring the bell.
    Bell,
    /// Let this ring on the speaker of these devices, until told otherwise; or nothing.
    Ring(Option<(Ring, Ears)>),
    /// Paint everything anew.
    Redraw,
    /// Give the terminal back and stop until continued.
    Suspend,
    /// End the program.
    Quit,
}
