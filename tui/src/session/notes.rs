//! What happened, as it is kept: texts go into the chat, in the transaction of what the machine saves, before anybody
//! is told of them.

use anyhow::Context as _;
use proto::client::{Event, MessageState};
use proto::id::Fingerprint;

use super::{Session, Told, earcons};
use crate::store::{ChatLine, Fate};

impl Session {
    /// Writes what people want to read again into the same transaction, and keeps the event for them.
    pub(super) fn note(&mut self, event: Event) -> anyhow::Result<()> {
        let event = self.asleep.explain(event);
        self.meet(&event);
        self.play(earcons::of_event(&event));
        match &event {
            Event::Waiting { to, echo, id } => {
                if let Some(at) = self.unsaved.iter().position(|(unsaved, _)| unsaved == echo)
                    && let Some((_, text)) = self.unsaved.remove(at)
                {
                    let line =
                        ChatLine { id: *id, mine: true, sent: self.now.wall, text, fate: Fate::Waiting };
                    self.spoken
                        .store
                        .add_line(&self.people.principal(to), &line)
                        .context("saving the chat")?;
                }
            }
            Event::Said { from, id, sent, text } => {
                let text = text.as_str().to_owned();
                let line = ChatLine { id: *id, mine: false, sent: *sent, text, fate: Fate::Delivered };
                self.spoken.store.add_line(&self.people.principal(from), &line).context("saving the chat")?;
            }
            Event::MessageState { to, id, state } => {
                let fate = match state {
                    MessageState::Waiting => Fate::Waiting,
                    MessageState::Delivered => Fate::Delivered,
                    MessageState::Failed(_) => Fate::Failed,
                };
                self.spoken
                    .store
                    .set_fate(&self.people.principal(to), *id, fate)
                    .context("saving the chat")?;
            }
            Event::LoggedIn(_) => self.remember_server(),
            Event::Calling { .. } | Event::Incoming { .. } | Event::Joined { .. } => self.in_call = true,
            Event::Ended { .. } => self.in_call = false,
            Event::Link(_)
            | Event::ServerKeyUnknown(_)
            | Event::ServerKeyChanged { .. }
            | Event::NameWanted
            | Event::LoginRefused { .. }
            | Event::Contacts(_)
            | Event::Contact(_)
            | Event::Gone(_)
            | Event::Request(_)
            | Event::Greeting { .. }
            | Event::Requested(_)
            | Event::Accepted(_)
            | Event::Rejected(_)
            | Event::Ringing(_)
            | Event::Heard(_)
            | Event::Parted { .. }
            | Event::PlainUnconfirmed(_)
            | Event::Invite(_)
            | Event::Refused { .. }
            | Event::IdentityChanged(_)
            | Event::Compared { .. }
            | Event::Banned(_) => {}
            Event::IdentityAccepted { old, new, .. } => {
                self.spoken.store.succeed(old, new).context("saving the chat")?;
            }
        }
        self.volumes.notice(&event);
        let joined = if let Event::Joined { who, .. } = &event { Some(who.clone()) } else { None };
        self.hand_out(event);
        // Told after the one it is about.
        joined.map_or(Ok(()), |who| self.recall_volume(&who))
    }

    fn remember_server(&mut self) {
        let (Some(key), Some(known)) = (self.server_key, &mut self.spoken.known) else { return };
        // The store holds the pin; this file only says where we were last.
        if let Err(why) = known.remember(&self.address, key) {
            self.told.push_back(Told::Trouble(unwritten(&why)));
        }
    }

    /// A key that the user named replaces the old one here, too, as it does in the store: before anybody is let in, since
    /// the next start expects what this file says.
    pub(super) fn know_anew(&mut self, shown: Fingerprint) {
        let Some(known) = self.spoken.known.as_mut().filter(|_| self.spoken.named == Some(shown)) else {
            return;
        };
        if let Err(why) = known.replace(&self.address, shown) {
            self.told.push_back(Told::Trouble(unwritten(&why)));
        }
    }

    /// An invite, or why there is none, goes to whoever asked.
    fn hand_out(&mut self, event: Event) {
        let (answers, ours) = self.invites.answer(&event);
        for (visitor, answer) in answers {
            self.answer(visitor, &answer);
        }
        if ours {
            self.told.push_back(Told::Client(event));
        }
    }
}

fn unwritten(why: &std::io::Error) -> String {
    format!("cannot write the file of known servers: {why}")
}
