//! Finding somebody in the list by a few letters. Until Enter nobody else is chosen: the chat stays, nothing counts as
//! read, and Esc leaves everything as it was.

use proto::id::Name;

use super::contacts::Contacts;
use super::fuzzy;
use super::input::Editor;

/// Bytes of what is typed.
const QUERY_BYTES_MAX: usize = 64;

/// What is looked for, and who was found.
#[derive(Clone, Debug)]
pub struct Find {
    /// What is typed.
    pub query: Editor,
    found: Vec<Found>,
    at: usize,
}

/// Somebody found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Who.
    pub name: Name,
    /// Which characters of their label fit, as byte offsets: none when it is their own name that fits.
    pub at: Vec<usize>,
}

impl Find {
    /// Everybody, with the chosen one under the cursor.
    pub fn begin(contacts: &Contacts) -> Self {
        let mut find = Self { query: Editor::new(QUERY_BYTES_MAX), found: Vec::new(), at: 0 };
        find.look(contacts);
        let chosen = contacts.selected().map(|contact| &contact.name);
        find.at = find.found.iter().position(|found| Some(&found.name) == chosen).unwrap_or(0);
        find
    }

    /// Looks anew, after a letter or when the list changed.
    pub fn look(&mut self, contacts: &Contacts) {
        let before = self.chosen().cloned();
        let people = contacts.contacts().into_iter().chain(contacts.requests());
        let names: Vec<Name> = people.map(|contact| contact.name.clone()).collect();
        let labels: Vec<String> = names.iter().map(|name| contacts.label(name)).collect();
        let query = self.query.text();
        let fits = fuzzy::sort(query, labels.iter().map(String::as_str));
        let mut found: Vec<Found> =
            fits.into_iter().map(|(place, fit)| Found { name: names[place].clone(), at: fit.at }).collect();
        // Whoever has another name here is found by their own, too.
        let by_name = |name: &&Name| {
            found.iter().all(|found| found.name != **name) && fuzzy::find(query, name.as_str()).is_some()
        };
        let by_name: Vec<Found> =
            names.iter().filter(by_name).map(|name| Found { name: name.clone(), at: Vec::new() }).collect();
        found.extend(by_name);
        self.found = found;
        self.at = before
            .filter(|_| query.is_empty())
            .and_then(|name| self.found.iter().position(|found| found.name == name))
            .unwrap_or(0);
    }

    /// Who was found, the best first.
    pub fn found(&self) -> &[Found] {
        &self.found
    }

    /// Who is under the cursor.
    pub fn chosen(&self) -> Option<&Name> {
        self.found.get(self.at).map(|found| &found.name)
    }

    /// Moves the cursor, as far as there is somebody.
    pub fn step(&mut self, down: bool) {
        let last = self.found.len().saturating_sub(1);
        self.at = if down { (self.at + 1).min(last) } else { self.at.saturating_sub(1) };
    }
}
