//! The order in which it is carried out what the machine says: whatever goes out, and whatever is told, waits for the
//! disk.

use anyhow::Context as _;

use super::Session;
use super::mind::Act;

/// Who carries out.
pub(super) trait Hands {
    /// What the machine says next.
    fn next(&mut self) -> Option<Act>;
    /// Saves, into what is not on the disk yet; or does anything else.
    fn act(&mut self, act: Act) -> anyhow::Result<()>;
    /// What was saved is on the disk.
    fn commit(&mut self) -> anyhow::Result<()>;
}

/// Carries out what the machine says, until it is silent.
pub(super) fn carry_out(hands: &mut impl Hands) -> anyhow::Result<()> {
    while let Some(act) = hands.next() {
        // An event is only kept here; it is told once all is on the disk.
        if !matches!(act, Act::Save(_) | Act::Event(_)) {
            hands.commit()?;
        }
        hands.act(act)?;
    }
    hands.commit()
}

impl Hands for Session {
    fn next(&mut self) -> Option<Act> {
        self.spoken.mind.poll(self.now)
    }

    fn act(&mut self, act: Act) -> anyhow::Result<()> {
        let registry = self.poll.registry();
        match act {
            Act::Save(save) => self.spoken.store.save(&save).context("saving")?,
            Act::Event(event) => self.note(event)?,
            Act::Stream(bytes) => self.spoken.link.send(registry, bytes),
            Act::Connect => self.spoken.link.connect(registry),
            Act::Disconnect => self.spoken.link.disconnect(registry),
            Act::Agent(command) => self.tell_agent(super::AgentCommand::Call(command)),
            Act::Peer(id, output) => self.tell_peer(id, output),
            Act::Drop(reason) => tracing::debug!(%reason, "dropped"),
        }
        Ok(())
    }

    fn commit(&mut self) -> anyhow::Result<()> {
        self.spoken.store.commit()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use anyhow::bail;
    use proto::client::{Event, Kind, LinkState, Save};

    use super::*;

    /// Writes down what is done.
    #[derive(Default)]
    struct Diary {
        acts: VecDeque<Act>,
        done: Vec<&'static str>,
        full: bool,
    }

    impl Hands for Diary {
        fn next(&mut self) -> Option<Act> {
            self.acts.pop_front()
        }

        fn act(&mut self, act: Act) -> anyhow::Result<()> {
            self.done.push(match act {
                Act::Save(_) => "save",
                Act::Event(_) => "event",
                Act::Stream(_) => "say to the server",
                Act::Connect => "connect",
                Act::Disconnect | Act::Agent(_) | Act::Peer(..) | Act::Drop(_) => "something else",
            });
            Ok(())
        }

        fn commit(&mut self) -> anyhow::Result<()> {
            if self.full {
                bail!("the disk is full");
            }
            self.done.push("on the disk");
            Ok(())
        }
    }

    fn diary() -> Diary {
        let save = || Act::Save(Save { kind: Kind::Seen, key: vec![1], value: Some(Vec::new()) });
        let event = || Act::Event(Event::Link(LinkState::Online));
        let acts = [save(), Act::Stream(vec![1]), event(), save(), event(), Act::Connect, save()];
        Diary { acts: acts.into(), ..Diary::default() }
    }

    /// A receipt for a text that a crash then forgets would lose it for good.
    #[test]
    fn nothing_is_said_of_what_is_not_on_the_disk() {
        let mut diary = diary();
        carry_out(&mut diary).unwrap();
        let expected = [
            "save",
            "on the disk",
            "say to the server",
            "event",
            "save",
            "event",
            "on the disk",
            "connect",
            "save",
            "on the disk",
        ];
        assert_eq!(diary.done, expected);
    }

    #[test]
    fn where_nothing_can_be_saved_nothing_is_said() {
        let mut diary = Diary { full: true, ..diary() };
        assert!(carry_out(&mut diary).is_err());
        assert_eq!(diary.done, ["save"]);
    }
}
