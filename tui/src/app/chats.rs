//! The chats of the screen, by who is in them: as many as there are contacts, and some of people who went. A server may
//! name new people for ever.

use std::collections::BTreeMap;

use proto::Wall;
use proto::id::Name;

use super::chat::Chat;
use super::contacts::Contacts;
use crate::limits::CHATS_MAX;

/// What was written, by contact.
#[derive(Clone, Debug, Default)]
pub struct Chats {
    all: BTreeMap<Name, Chat>,
}

impl Chats {
    /// The chat with somebody; an empty one where there is none yet. Should there be too many, the one of those who are
    /// not in the list makes room in which nothing was said for longest.
    pub fn of(&mut self, name: &Name, contacts: &Contacts) -> &mut Chat {
        if self.all.len() >= CHATS_MAX && !self.all.contains_key(name) {
            self.make_room(contacts);
        }
        self.all.entry(name.clone()).or_default()
    }

    fn make_room(&mut self, contacts: &Contacts) {
        let last = |chat: &Chat| chat.lines().next_back().map_or(Wall(0), |line| line.when);
        let left = self.all.iter().filter(|(name, _)| contacts.get(name).is_none());
        let oldest = left.min_by_key(|(_, chat)| last(chat)).map(|(name, _)| name.clone());
        if let Some(name) = oldest {
            self.all.remove(&name);
        }
    }

    /// The chat with somebody, if there is one.
    pub fn get(&self, name: &Name) -> Option<&Chat> {
        self.all.get(name)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, name: &Name) -> Option<&mut Chat> {
        self.all.get_mut(name)
    }

    /// What is being written and not kept yet, by whom it is for; empty ones are to be kept no longer.
    pub fn drafts_to_keep(&mut self) -> Vec<(Name, String)> {
        let of = |(name, chat): (&Name, &mut Chat)| Some((name.clone(), chat.draft_to_keep()?));
        self.all.iter_mut().filter_map(of).collect()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Chat)> {
        self.all.iter()
    }

    /// The texts that came and were not on the screen, of those who can be chosen there.
    pub fn unread(&self, contacts: &Contacts) -> usize {
        let listed = self.all.iter().filter(|(name, _)| contacts.get(name).is_some());
        listed.map(|(_, chat)| chat.unread).sum()
    }
}

#[cfg(test)]
impl core::ops::Index<&Name> for Chats {
    type Output = Chat;

    fn index(&self, name: &Name) -> &Chat {
        &self.all[name]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::chat::{From, Line};
    use crate::app::story::{contact, name};
    use proto::Safe;
    use proto::wire::record::{Presence, Standing};

    fn line(when: u64) -> Line {
        Line { id: None, when: Wall(when), from: From::Them, text: Safe::line("hi") }
    }

    #[test]
    fn people_without_end_leave_the_chats_of_contacts_and_of_who_spoke_last() {
        let (mut chats, mut contacts) = (Chats::default(), Contacts::default());
        contacts.set(contact("bob", Standing::Mutual, Presence::Online));
        chats.of(&name("bob"), &contacts).unread = 2;
        let stranger = |n: usize| name(&format!("u{n}"));
        for n in 0..CHATS_MAX + 10 {
            // Later ones with older words.
            chats.of(&stranger(n), &contacts).push(line((CHATS_MAX + 10 - n) as u64));
        }
        assert_eq!(chats.iter().count(), CHATS_MAX);
        assert_eq!(chats.get(&name("bob")).map(|chat| chat.unread), Some(2));
        let kept = |n: usize| chats.get(&stranger(n)).is_some();
        assert!(kept(0) && kept(CHATS_MAX + 9), "the newest words, and the newest chat");
        assert!(!kept(CHATS_MAX + 8), "the oldest words");
    }

    #[test]
    fn nothing_is_unread_of_somebody_who_cannot_be_chosen_any_more() {
        let (mut chats, mut contacts) = (Chats::default(), Contacts::default());
        contacts.set(contact("bob", Standing::Mutual, Presence::Online));
        chats.of(&name("bob"), &contacts).unread = 2;
        assert_eq!(chats.unread(&contacts), 2);
        contacts.remove(&name("bob"));
        assert_eq!(chats.unread(&contacts), 0);
    }
}
