//! Who is behind a name right now: chats, and what is kept for ourselves, are of who somebody is. Whoever takes a name
//! later has nothing of theirs.

use std::collections::{BTreeMap, VecDeque};

use anyhow::Context as _;
use proto::Drop;
use proto::client::{Command, ContactInfo, Event};
use proto::id::{Name, Principal};

use super::{Session, Told};
use crate::app::personal::Personal;
use crate::limits::PEOPLE_GONE_MAX;

/// Who is in the list, and who was: what becomes of the last texts is told after a contact went.
#[derive(Debug, Default)]
pub(super) struct People {
    /// As many as the machine has contacts, which it bounds.
    here: BTreeMap<Name, Principal>,
    /// Who went last is at the end; the first makes room.
    gone: VecDeque<(Name, Principal)>,
}

impl People {
    /// Whose chat the one with `name` is. Nobody is written to who was not in the list; should it be, a guest of that
    /// name is nobody with a key.
    pub(super) fn principal(&self, name: &Name) -> Principal {
        let gone = || self.gone.iter().rev().find(|(gone, _)| gone == name).map(|(_, who)| who);
        self.here.get(name).or_else(gone).cloned().unwrap_or_else(|| Principal::Guest(name.clone()))
    }

    /// Keeps what an event says of who is who.
    fn notice(&mut self, event: &Event) {
        if let Event::Contacts(list) = event {
            let left = |name: &&Name| !list.iter().any(|info| info.name == **name);
            let left: Vec<Name> = self.here.keys().filter(left).cloned().collect();
            left.iter().for_each(|name| self.leave(name));
            list.iter().for_each(|info| self.meet(info));
        } else if let Event::Contact(info) = event {
            self.meet(info);
        } else if let Event::Gone(name) = event {
            self.leave(name);
        }
    }

    fn meet(&mut self, info: &ContactInfo) {
        self.gone.retain(|(name, _)| *name != info.name);
        self.here.insert(info.name.clone(), info.principal.clone());
    }

    fn leave(&mut self, name: &Name) {
        let Some(gone) = self.here.remove_entry(name) else { return };
        if self.gone.len() >= PEOPLE_GONE_MAX {
            tracing::debug!(reason = %Drop::Full, "forgot who went first");
            self.gone.pop_front();
        }
        self.gone.push_back(gone);
    }
}

impl Session {
    /// Learns who is who from the machine, before anything else is told, and gives the lines of a version that kept
    /// chats by name to whom the names are pinned now. Nobody asked for that list. Names that come later prove nothing
    /// about those lines.
    pub(super) fn meet_all(&mut self) -> anyhow::Result<()> {
        self.spoken.mind.command(Command::Contacts, self.now);
        self.carry_out()?;
        self.told.retain(|told| !matches!(told, Told::Client(Event::Contacts(_))));
        self.spoken.store.adopt(&self.people.here).context("saving the chats")?;
        self.spoken.store.commit()
    }

    /// Keeps in mind who is who.
    pub(super) fn meet(&mut self, event: &Event) {
        self.people.notice(event);
    }

    /// What is kept about people for ourselves.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn kept(&self) -> anyhow::Result<Vec<(Principal, Personal)>> {
        self.spoken.store.persons().context("reading what is kept about people")
    }

    /// How many texts of each were not read in earlier runs.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn unread(&self) -> anyhow::Result<Vec<(Principal, usize)>> {
        self.spoken.store.unseen().context("reading what was not read")
    }

    /// What somebody wrote was shown.
    ///
    /// # Errors
    /// When the store fails: the program must end.
    pub fn read(&mut self, who: &Name) -> anyhow::Result<()> {
        self.spoken.store.set_seen(&self.people.principal(who)).context("saving what was read")?;
        self.spoken.store.commit()
    }

    /// What was being written to somebody when the program ended; empty when nothing was.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn draft(&self, who: &Name) -> anyhow::Result<String> {
        self.spoken.store.draft(&self.people.principal(who)).context("reading what was being written")
    }

    /// Keeps what is being written to somebody; none of it when it is empty.
    ///
    /// # Errors
    /// When the store fails: the program must end.
    pub fn keep_draft(&mut self, who: &Name, text: &str) -> anyhow::Result<()> {
        self.spoken
            .store
            .set_draft(&self.people.principal(who), text)
            .context("saving what is being written")?;
        self.spoken.store.commit()
    }

    /// Keeps something about somebody for ourselves.
    ///
    /// # Errors
    /// When the store fails: the program must end.
    pub fn keep(&mut self, who: &Principal, personal: &Personal) -> anyhow::Result<()> {
        self.spoken.store.set_person(who, personal).context("saving what is kept about somebody")?;
        self.spoken.store.commit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::story::{contact, guest, name};
    use proto::wire::record::{Presence, Standing};

    #[test]
    fn a_name_that_comes_with_another_key_is_somebody_else() {
        let mut people = People::default();
        let bob = contact("bob", Standing::Mutual, Presence::Online);
        people.notice(&Event::Contact(bob.clone()));
        assert_eq!(people.principal(&name("Bob")), bob.principal);
        people.notice(&Event::Contact(guest("bob")));
        assert_eq!(people.principal(&name("bob")), Principal::Guest(name("bob")));
    }

    #[test]
    fn who_went_is_known_for_a_while_and_those_who_went_first_are_forgotten() {
        let mut people = People::default();
        let all = |n: usize| contact(&format!("u{n}"), Standing::Mutual, Presence::Online);
        let zoe = contact("zoe", Standing::Mutual, Presence::Online);
        people.notice(&Event::Contact(zoe.clone()));
        for n in 0..PEOPLE_GONE_MAX + 2 {
            people.notice(&Event::Contact(all(n)));
            // In both ways that they can go.
            let gone = if n % 2 == 0 { Event::Gone(all(n).name) } else { Event::Contacts(vec![zoe.clone()]) };
            people.notice(&gone);
        }
        assert_eq!((people.here.len(), people.gone.len()), (1, PEOPLE_GONE_MAX));
        let nobody = |n: usize| Principal::Guest(all(n).name);
        assert_eq!(people.principal(&all(1).name), nobody(1), "the second to go");
        assert_eq!(people.principal(&all(2).name), all(2).principal);
        assert_eq!(people.principal(&zoe.name), zoe.principal);
        // Whoever comes back and goes again is there once.
        people.notice(&Event::Contact(all(2)));
        people.notice(&Event::Gone(all(2).name));
        assert_eq!(people.gone.iter().filter(|(name, _)| *name == all(2).name).count(), 1);
    }
}
