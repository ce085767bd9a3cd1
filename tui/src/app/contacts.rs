//! The list on the left: contacts and requests, which one is chosen, and removals that can still be taken back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proto::Time;
use proto::client::ContactInfo;
use proto::id::{Name, Principal};
use proto::limits::MEMBERS_MAX;
use proto::wire::record::{Presence, Standing};

use super::personal::Personal;
use crate::limits::REMOVALS_MAX;

/// How long a removal can be taken back before it is said to the server.
pub const UNDO_TIME: Duration = Duration::from_secs(10);

/// The order of the list stays as it is for so long after a key: nobody changes places under a moving finger.
pub const REST_TIME: Duration = Duration::from_secs(3);

/// Characters that a row of the narrowest window holds at least, however wide they are and wherever it is broken.
const ROW_CHARS_MIN: usize = 8;

/// Everybody in the list.
#[derive(Clone, Debug, Default)]
pub struct Contacts {
    all: BTreeMap<Name, ContactInfo>,
    /// What we keep about people for ourselves, whether they are in the list or not.
    personal: BTreeMap<Principal, Personal>,
    /// All names, as the list shows them.
    order: Vec<Name>,
    /// Texts that were not read when the list was ordered last.
    unread: BTreeMap<Name, usize>,
    /// Until when the order stays.
    rests_until: Option<Time>,
    selected: Option<Name>,
    /// Where the chosen one was who went without our doing: nobody is chosen then, because a key under way would reach
    /// somebody else.
    lost: Option<usize>,
    /// Who was removed last is at the end.
    leaving: Vec<Leaving>,
    marked: BTreeSet<Name>,
    /// Whose request is being read, and how many rows of what they say are above the view.
    reading: Option<(Name, usize)>,
}

/// Somebody removed who is still there for the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaving {
    /// Who.
    pub name: Name,
    /// It was a request of theirs, to be rejected, rather than a contact to be removed.
    pub request: bool,
    /// Until when it can be taken back.
    pub until: Time,
}

/// Which way to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// One up.
    Up,
    /// One down.
    Down,
    /// Ten up.
    PageUp,
    /// Ten down.
    PageDown,
    /// To the first.
    First,
    /// To the last.
    Last,
}

impl Contacts {
    /// Takes the whole list.
    pub fn set_all(&mut self, list: Vec<ContactInfo>) {
        let row = self.selected.as_ref().and_then(|name| self.row_of(name));
        self.all = list.into_iter().map(|contact| (contact.name.clone(), contact)).collect();
        self.all.retain(|_, contact| contact.standing != Standing::None);
        self.leaving.retain(|leaving| self.all.contains_key(&leaving.name));
        self.order.retain(|name| self.all.contains_key(name));
        let new = self.all.keys().filter(|name| !self.order.contains(name)).cloned().collect::<Vec<_>>();
        self.order.extend(new);
        self.sort_if_idle();
        if self.selected.is_some() && self.selected().is_none() {
            self.lose(row);
        }
        self.keep_selection();
    }

    /// Takes one that is new or changed.
    pub fn set(&mut self, contact: ContactInfo) {
        if contact.standing == Standing::None {
            return self.remove(&contact.name);
        }
        if !self.order.contains(&contact.name) {
            self.order.push(contact.name.clone());
        }
        self.all.insert(contact.name.clone(), contact);
        self.sort_if_idle();
        self.keep_selection();
    }

    /// Forgets one.
    pub fn remove(&mut self, name: &Name) {
        self.leaving.retain(|leaving| leaving.name != *name);
        self.marked.remove(name);
        let row = self.row_of(name);
        self.all.remove(name);
        self.order.retain(|other| other != name);
        if self.selected.as_ref() == Some(name) {
            self.lose(row);
        }
    }

    fn lose(&mut self, row: Option<usize>) {
        self.selected = None;
        self.lost = Some(row.unwrap_or(0));
    }

    /// Whether nobody is in the list.
    pub fn is_empty(&self) -> bool {
        self.rows().is_empty()
    }

    /// What is known of somebody.
    pub fn get(&self, name: &Name) -> Option<&ContactInfo> {
        self.all.get(name)
    }

    /// Contacts, and those asked: favourites first, then who wrote, then who is there, then by name.
    pub fn contacts(&self) -> Vec<&ContactInfo> {
        self.standing(|standing| matches!(standing, Standing::Mutual | Standing::Asked))
    }

    /// Those who ask.
    pub fn requests(&self) -> Vec<&ContactInfo> {
        self.standing(|standing| standing == Standing::Asking)
    }

    fn standing(&self, wanted: impl Fn(Standing) -> bool) -> Vec<&ContactInfo> {
        let shown =
            self.order.iter().filter(|name| self.leaving.iter().all(|leaving| leaving.name != **name));
        shown.filter_map(|name| self.all.get(name)).filter(|contact| wanted(contact.standing)).collect()
    }

    // --- the order ---

    /// A key was for the list: its order stays for a while.
    pub fn touch(&mut self, now: Time) {
        self.rests_until = Some(now + REST_TIME);
    }

    /// Until when the order stays.
    pub fn rests_until(&self) -> Option<Time> {
        self.rests_until
    }

    /// Puts the list in order, unless a key was for it just now; `unread` is how many texts of each were not read.
    /// True when the order changed.
    pub fn arrange(&mut self, unread: BTreeMap<Name, usize>, now: Time) -> bool {
        self.rests_until.take_if(|until| now >= *until);
        self.unread = unread;
        let before = self.order.clone();
        self.sort_if_idle();
        before != self.order
    }

    fn sort_if_idle(&mut self) {
        if self.rests_until.is_some() {
            return;
        }
        let mut order = core::mem::take(&mut self.order);
        order.sort_by_cached_key(|name| self.rank(name));
        self.order = order;
    }

    fn rank(&self, name: &Name) -> (bool, bool, bool, String, Name) {
        let contact = self.all.get(name);
        let favourite = self.personal(name).is_some_and(|personal| personal.favourite);
        let unread = self.unread.get(name).is_some_and(|unread| *unread > 0);
        let there =
            contact.is_some_and(|c| c.presence != Presence::Offline && c.standing == Standing::Mutual);
        (!favourite, !unread, !there, self.label(name).to_lowercase(), name.clone())
    }

    /// The next contact after the chosen one, around the end, of whom there is something unread.
    pub fn next_unread(&self, unread: impl Fn(&Name) -> bool) -> Option<&Name> {
        let rows = self.rows();
        let at = self.selected.as_ref().and_then(|name| self.row_of(name)).map_or(0, |at| at + 1);
        let (before, after) = rows.split_at(at.min(rows.len()));
        after.iter().chain(before).map(|contact| &contact.name).find(|name| unread(name))
    }

    // --- what is ours alone ---

    /// Takes what was kept about people.
    pub fn set_personal(&mut self, who: Principal, personal: Personal) {
        if personal.is_empty() {
            self.personal.remove(&who);
        } else {
            self.personal.insert(who, personal);
        }
        self.sort_if_idle();
    }

    /// What was kept about the old one is kept about the new one, which a human said is the same person.
    pub fn succeed(&mut self, old: &Principal, new: &Principal) {
        if let Some(personal) = self.personal.remove(old) {
            self.personal.insert(new.clone(), personal);
        }
    }

    /// What we keep about whoever goes by this name.
    pub fn personal(&self, name: &Name) -> Option<&Personal> {
        self.personal.get(&self.all.get(name)?.principal)
    }

    /// What somebody is called here: our own name for them, or else theirs.
    pub fn label(&self, name: &Name) -> String {
        let alias = self.personal(name).and_then(|personal| personal.alias.as_ref());
        alias.map_or_else(|| name.to_string(), ToString::to_string)
    }

    /// Somebody else in the list who is called so already, by either name.
    pub fn called(&self, label: &str, but: &Name) -> Option<&Name> {
        let label = label.to_lowercase();
        let is = |name: &&Name| {
            **name != *but && (name.folded() == label || self.label(name).to_lowercase() == label)
        };
        self.all.keys().find(is)
    }

    /// How many contacts are there right now.
    pub fn online(&self) -> usize {
        self.contacts()
            .iter()
            .filter(|contact| contact.standing == Standing::Mutual && contact.presence != Presence::Offline)
            .count()
    }

    /// Who is chosen.
    pub fn selected(&self) -> Option<&ContactInfo> {
        self.all.get(self.selected.as_ref()?)
    }

    /// Chooses somebody.
    pub fn select(&mut self, name: &Name) {
        if self.all.contains_key(name) {
            self.selected = Some(name.clone());
            self.lost = None;
        }
    }

    /// Marks the chosen one for a call of several, or takes the mark back. False, and nothing marked, for somebody
    /// who cannot be called and when there is no room for one more.
    pub fn mark(&mut self) -> bool {
        let Some(contact) = self.selected() else { return false };
        let (name, callable) = (contact.name.clone(), callable(contact));
        if self.marked.remove(&name) {
            return true;
        }
        callable && self.marked.len() < MEMBERS_MAX - 1 && self.marked.insert(name)
    }

    /// Takes all marks back.
    pub fn unmark(&mut self) {
        self.marked.clear();
    }

    /// Whether somebody is marked.
    pub fn is_marked(&self, name: &Name) -> bool {
        self.marked.contains(name)
    }

    /// Whoever is marked, in the order of the list.
    pub fn marked(&self) -> Vec<&Name> {
        let rows = self.contacts().into_iter().map(|contact| &contact.name);
        rows.filter(|name| self.is_marked(name)).collect()
    }

    /// Moves the choice.
    pub fn step(&mut self, step: Step) {
        let last = self.rows().len().saturating_sub(1);
        let at = self.selected.as_ref().and_then(|name| self.row_of(name));
        // Whoever came after the lost one is in that row now.
        let (at, down) = match (at, self.lost) {
            (None, Some(row)) => (row, 0),
            (at, _) => (at.unwrap_or(0), 1),
        };
        self.select_row(match step {
            Step::Up => at.saturating_sub(1),
            Step::Down => at + down,
            Step::PageUp => at.saturating_sub(10),
            Step::PageDown => at + 9 + down,
            Step::First => 0,
            Step::Last => last,
        });
    }

    /// Takes the chosen one out of the list; said to the server only when [`UNDO_TIME`] has passed. Gives the one who
    /// makes room because [`REMOVALS_MAX`] wait already.
    pub fn begin_removal(&mut self, now: Time) -> Option<Leaving> {
        let contact = self.selected()?;
        let (name, request) = (contact.name.clone(), contact.standing == Standing::Asking);
        let row = self.row_of(&name)?;
        self.marked.remove(&name);
        let oldest = (self.leaving.len() >= REMOVALS_MAX).then(|| self.leaving.remove(0));
        self.leaving.push(Leaving { name, request, until: now + UNDO_TIME });
        self.select_row(row);
        oldest.inspect(|leaving| self.forget(leaving))
    }

    /// Takes the last removal back.
    pub fn undo_removal(&mut self) -> Option<Name> {
        let leaving = self.leaving.pop()?;
        self.select(&leaving.name);
        Some(leaving.name)
    }

    /// The removal that would be taken back next.
    pub fn leaving(&self) -> Option<&Leaving> {
        self.leaving.last()
    }

    /// When the first removal cannot be taken back any more.
    pub fn leaving_until(&self) -> Option<Time> {
        self.leaving.first().map(|leaving| leaving.until)
    }

    /// The removals whose time is up at `now`; at the end of the program, with `None`, all.
    pub fn finish_removals(&mut self, now: Option<Time>) -> Vec<Leaving> {
        let due = |leaving: &mut Leaving| now.is_none_or(|now| now >= leaving.until);
        let over: Vec<Leaving> = self.leaving.extract_if(.., due).collect();
        over.iter().for_each(|leaving| self.forget(leaving));
        over
    }

    fn forget(&mut self, leaving: &Leaving) {
        self.all.remove(&leaving.name);
    }

    /// Reads on in what the chosen one says with their request, by so many rows; or, `back`, from the
    /// beginning. False when nobody chosen asks with words.
    pub fn read_on(&mut self, back: bool, rows: usize) -> bool {
        let asks = |contact: &&ContactInfo| contact.standing == Standing::Asking;
        let Some(contact) = self.selected().filter(asks) else { return false };
        let Some(words) = &contact.greeting else { return false };
        let last = words.as_str().chars().count() / ROW_CHARS_MIN;
        let from = if back { 0 } else { (self.rows_read() + rows).min(last) };
        self.reading = Some((contact.name.clone(), from));
        true
    }

    /// Rows of what the chosen one says with their request that are above the view, if there are so many.
    pub fn rows_read(&self) -> usize {
        let chosen = self.reading.as_ref().filter(|(name, _)| self.selected.as_ref() == Some(name));
        chosen.map_or(0, |(_, rows)| *rows)
    }

    fn rows(&self) -> Vec<&ContactInfo> {
        let mut rows = self.contacts();
        rows.extend(self.requests());
        rows
    }

    fn row_of(&self, name: &Name) -> Option<usize> {
        self.rows().iter().position(|contact| contact.name == *name)
    }

    fn select_row(&mut self, row: usize) {
        let rows = self.rows();
        let chosen = rows.get(row).or(rows.last()).map(|contact| contact.name.clone());
        self.selected = chosen;
        self.lost = None;
    }

    fn keep_selection(&mut self) {
        let all = &self.all;
        self.marked.retain(|name| all.get(name).is_some_and(callable));
        if self.selected().is_none() && (self.lost.is_none() || self.is_empty()) {
            self.select_row(0);
        }
    }
}

/// Whether a call to them can be tried.
pub fn callable(contact: &ContactInfo) -> bool {
    contact.standing == Standing::Mutual && !contact.blocked
}

/// Whether they are somebody on a plain door: known by a name only, never verified, never encrypted.
pub fn is_guest(contact: &ContactInfo) -> bool {
    matches!(contact.principal, Principal::Guest(_))
}
