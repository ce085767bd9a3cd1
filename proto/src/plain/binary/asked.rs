//! What was asked of a server of seed A, in order, as far as it is neither answered nor settled: its refusals do not
//! say what they are about.

use std::collections::VecDeque;

use crate::id::Name;
use crate::limits::PLAIN_WISHES_MAX;
use crate::time::{Time, earliest};
use crate::wire::plain::Fault;
use crate::wire::record::{Standing, Why};

/// One thing that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    List,
    Add(Name),
    Accept(Name),
    Reject(Name),
    /// And how one stood, should it not be done.
    Remove(Name, Standing),
    Call,
    Answer,
    /// 102: of a call that is over already, a server may refuse it.
    Decline,
    /// 103, likewise.
    Leave,
}

/// All of them, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Asked {
    waiting: VecDeque<(What, Time)>,
}

impl Asked {
    /// Remembers one that is settled at `until`, if nothing is said about it. The oldest makes room.
    pub(super) fn push(&mut self, what: What, until: Time) {
        if self.waiting.len() >= PLAIN_WISHES_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back((what, until));
    }

    /// An answer came: it settles what was asked before, too, since its servers answer in order.
    pub(super) fn settle(&mut self, answered: impl Fn(&What) -> bool) {
        if let Some(at) = self.waiting.iter().position(|(what, _)| answered(what)) {
            self.waiting.drain(..=at);
        }
    }

    /// What a refusal with this text is about: what its text tells, else the oldest.
    pub(super) fn refused(&mut self, fault: Fault, text: &str) -> Option<What> {
        let is_told = |what: &What| match what {
            What::Add(_) => Known::of(text).is_some(),
            What::Answer | What::Decline | What::Leave => {
                fault == Fault::BadRequest && text.to_ascii_lowercase().contains("no such call")
            }
            What::List | What::Accept(_) | What::Reject(_) | What::Remove(..) | What::Call => false,
        };
        let told = self.waiting.iter().position(|(what, _)| is_told(what));
        self.waiting.remove(told.unwrap_or(0)).map(|(what, _)| what)
    }

    /// Forgets what was done because nobody said anything; whether the list is among it.
    pub(super) fn timeout(&mut self, now: Time) -> bool {
        let lists = |asked: &Self| asked.waiting.iter().filter(|(what, _)| *what == What::List).count();
        let before = lists(self);
        self.waiting.retain(|(_, until)| *until > now);
        lists(self) < before
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        self.waiting.iter().map(|(_, until)| Some(*until)).fold(None, earliest)
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}

/// The three texts by which the original client knows why 001 failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Nobody,
    Oneself,
    Already,
}

impl Known {
    pub(super) fn of(text: &str) -> Option<Self> {
        match text {
            "Doesn't exists" => Some(Self::Nobody),
            "Impossible to add yourself as contact" => Some(Self::Oneself),
            "Request or Contact already exist" => Some(Self::Already),
            _ => None,
        }
    }

    pub(super) fn said(self) -> (Why, String) {
        let (why, text) = match self {
            Self::Nobody => (Why::NoSuchUser, "there is nobody of that name"),
            Self::Oneself => (Why::Oneself, "that is you"),
            Self::Already => (Why::Already, "there is a request or a contact already"),
        };
        (why, text.into())
    }
}
