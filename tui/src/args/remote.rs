//! What is typed to a client that runs: `tincan mute`, `answer`, `hangup`, `ptt` and `status`.

use clap::{Args as Group, ValueEnum};

use super::{Act, Answer};
use crate::control::{Press, Request, Switch};

/// `tincan mute`
#[derive(Clone, Debug, Group)]
pub struct Mute {
    /// What to do
    #[arg(value_enum, default_value_t = MuteTo::Toggle)]
    pub to: MuteTo,
}

/// On or off, as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MuteTo {
    /// Nobody hears you
    On,
    /// You are heard
    Off,
    /// The other
    Toggle,
}

/// `tincan ptt`
#[derive(Clone, Debug, Group)]
pub struct Ptt {
    /// What the key or the pedal did
    #[arg(value_enum)]
    pub to: PttTo,
}

/// Down or up, as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PttTo {
    /// Speak, until `up`, or for a minute
    Down,
    /// Be silent
    Up,
    /// The other
    Toggle,
}

/// `tincan status`
#[derive(Clone, Debug, Group)]
pub struct Status {
    /// One JSON object, for status bars
    #[arg(long)]
    pub json: bool,
}

impl Act {
    /// What it asks of a client that must be running.
    pub fn asks(&self) -> Option<Request> {
        Some(match self {
            Self::Mute(mute) => Request::Mute(match mute.to {
                MuteTo::On => Switch::On,
                MuteTo::Off => Switch::Off,
                MuteTo::Toggle => Switch::Toggle,
            }),
            Self::Ptt(ptt) => Request::Talk(match ptt.to {
                PttTo::Down => Press::Down,
                PttTo::Up => Press::Up,
                PttTo::Toggle => Press::Toggle,
            }),
            Self::Hangup => Request::HangUp,
            Self::Status(_) => Request::Status,
            Self::Call(_)
            | Self::Answer(_)
            | Self::Echo(_)
            | Self::Doctor(_)
            | Self::Invite
            | Self::Config(_)
            | Self::Completions { .. }
            | Self::Man => return None,
        })
    }
}

impl Answer {
    /// Nothing is said of whose calls to answer, once or with what sound: a call that rings elsewhere can be meant.
    pub fn is_bare(&self) -> bool {
        let pipes = self.pipes.input.is_some() || self.pipes.output.is_some();
        self.from.is_empty() && !self.once && !pipes && self.away.server.is_none()
    }
}

/// What stands under the help of all of these.
pub(super) const AFTER: &str = "\
It asks the tincan that runs with the same --profile, by a socket that only you can use. Exit codes: 0 done, 1 not done \
or no tincan runs (standard error says what to do).";
