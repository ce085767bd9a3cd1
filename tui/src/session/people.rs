//! Who is behind a name right now: chats, and what is kept for ourselves, are of who somebody is. Whoever takes a name
//! later has nothing of theirs.

use std::collections::BTreeMap;

use anyhow::Context as _;
use proto::client::{Command, ContactInfo, Event};
use proto::id::{Name, Principal};

use super::{Session, Told};
use crate::app::personal::Personal;

/// Names that were seen in the list, and who is behind them. They stay when the contact goes: what becomes of the last
/// texts is told after.
#[derive(Debug, Default)]
pub(super) struct People {
    known: BTreeMap<Name, Principal>,
}

impl People {
    /// Whose chat the one with `name` is. Nobody is written to who was not in the list; should it be, a guest of that
    /// name is nobody with a key.
    pub(super) fn principal(&self, name: &Name) -> Principal {
        self.known.get(name).cloned().unwrap_or_else(|| Principal::Guest(name.clone()))
    }

    /// Notes a contact; true when the name means somebody else than before, or was not known.
    fn note(&mut self, info: &ContactInfo) -> bool {
        let before = self.known.insert(info.name.clone(), info.principal.clone());
        before.as_ref() != Some(&info.principal)
    }
}

impl Session {
    /// Learns who is who from the machine, before anything else is told. Nobody asked for that list.
    pub(super) fn meet_all(&mut self) -> anyhow::Result<()> {
        self.spoken.mind.command(Command::Contacts, self.now);
        self.carry_out()?;
        self.told.retain(|told| !matches!(told, Told::Client(Event::Contacts(_))));
        Ok(())
    }

    /// Keeps in mind who is who, and gives the lines of a version that kept chats by name to whom they belong.
    pub(super) fn meet(&mut self, event: &Event) -> anyhow::Result<()> {
        let list: &[ContactInfo] = if let Event::Contacts(list) = event {
            list
        } else if let Event::Contact(info) = event {
            std::slice::from_ref(info)
        } else {
            return Ok(());
        };
        for info in list {
            if self.people.note(info) {
                self.spoken.store.adopt(&info.name, &info.principal).context("saving the chat")?;
            }
        }
        Ok(())
    }

    /// What is kept about people for ourselves.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn kept(&self) -> anyhow::Result<Vec<(Principal, Personal)>> {
        self.spoken.store.persons().context("reading what is kept about people")
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
        assert!(people.note(&bob));
        assert!(!people.note(&bob));
        assert_eq!(people.principal(&name("Bob")), bob.principal);
        assert!(people.note(&guest("bob")));
        assert_eq!(people.principal(&name("bob")), Principal::Guest(name("bob")));
    }
}
