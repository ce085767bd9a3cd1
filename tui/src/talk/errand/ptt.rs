//! Push-to-talk in a call from the shell. There is no screen and so no key to hold: a line (Enter) or `tincan ptt`
//! opens the microphone and shuts it. Muted stays muted, whatever is pressed.

use proto::Time;
use proto::media::SoundCommand;

use super::{Errand, Phase, Step};
use crate::control::{Press, Reply, refused};

impl Errand {
    /// Mutes or opens the microphone, if that is not what it is already.
    pub(super) fn microphone(&mut self) {
        let silent = self.is_silent();
        if std::mem::replace(&mut self.silent, silent) != silent {
            self.steps.push_back(Step::Sound(SoundCommand::Mute(silent)));
        }
    }

    /// Nothing of what we say is sent.
    pub(super) fn is_silent(&self) -> bool {
        self.muted || self.talk.keeps_silent()
    }

    /// Whoever cannot be heard without pressing is told what to press.
    pub(super) fn say_how_to_talk(&mut self) {
        if self.talk.is_on() && !self.talk.is_open() {
            let how = if self.keyboard {
                "Enter opens the microphone and shuts it"
            } else {
                "tincan ptt down|up|toggle"
            };
            self.say(format!("push-to-talk: nobody hears you; {how}"));
        }
    }

    /// A line was typed.
    pub(in crate::talk) fn typed(&mut self, now: Time) {
        let said = match self.press(Press::Toggle, now) {
            Reply::Done(said) => said,
            Reply::Refused { text, .. } => text,
            Reply::Status(_) | Reply::Invite(_) => return,
        };
        self.say(said);
    }

    /// Somebody presses, or lets go.
    pub(super) fn press(&mut self, to: Press, now: Time) -> Reply {
        let open = self.talk.is_open();
        let opens = to == Press::Down || to == Press::Toggle && !open;
        if let Some((code, why)) = self.obstacle().filter(|_| opens) {
            return refused(code, why);
        }
        match to {
            Press::Down => self.talk.hold(now),
            Press::Toggle if opens => self.talk.lock_open(),
            Press::Up | Press::Toggle => self.talk.shut(),
        }
        self.microphone();
        Reply::Done(if opens { "live" } else { "silent" }.to_owned())
    }

    fn obstacle(&self) -> Option<(&'static str, &'static str)> {
        if !self.talk.is_on() {
            return Some(("no_ptt", "push-to-talk is off here: mute instead"));
        }
        match self.phase {
            Phase::Placing | Phase::Live(_) if self.muted => {
                Some(("muted", "you are muted: unmute yourself first"))
            }
            Phase::Placing | Phase::Live(_) => None,
            Phase::Arriving | Phase::Listing(_) | Phase::Waiting | Phase::Draining(_) | Phase::Leaving(_) => {
                Some(("no_call", "there is no call to talk in"))
            }
        }
    }

    /// Shuts it, whatever opened it: the next call begins in silence.
    pub(super) fn shut(&mut self) {
        self.talk.shut();
        self.microphone();
    }

    /// Shuts what was held for too long without another sign of it.
    pub(super) fn let_go(&mut self, now: Time) {
        if self.talk.on_time(now) {
            self.microphone();
            self.say("push-to-talk was held for a minute and is let go".to_owned());
        }
    }
}
