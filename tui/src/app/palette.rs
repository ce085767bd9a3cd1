//! The command palette: everything that can be done now, with its key, found by a few letters. It reads the table of
//! keys and the list of contacts; it decides only what makes sense.

use proto::client::ContactInfo;
use proto::id::Name;
use proto::wire::record::Standing;

use super::call::Phase;
use super::contacts::{callable, is_guest};
use super::fuzzy::{self, Found};
use super::input::Editor;
use super::keymap::{Act, Place, TABLE};
use super::model::Model;
use crate::limits::FILTER_BYTES_MAX;

/// The window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Palette {
    /// What was typed.
    pub line: Editor,
    /// Which of the rows is chosen, from the top.
    pub chosen: usize,
}

impl Default for Palette {
    fn default() -> Self {
        Self { line: Editor::new(FILTER_BYTES_MAX), chosen: 0 }
    }
}

/// Something that can be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What, in a few words.
    pub words: String,
    /// The key that does it; none when no key does.
    pub key: Option<String>,
    /// What is done.
    pub act: Act,
    /// With whom; none does it as its key would.
    pub who: Option<Name>,
    /// Byte offsets of the characters of `words` that were typed.
    pub at: Vec<usize>,
}

/// All that fits what was typed, best first; everything there is when nothing was.
pub fn entries(model: &Model, typed: &str) -> Vec<Entry> {
    let mut all = acts(model);
    all.extend(people(model));
    let words = fuzzy::sort(typed, all.iter().map(|entry| entry.words.as_str()));
    let mut found: Vec<(usize, Found)> = words;
    // An action is also found by its name, after all that is found by its words.
    for (place, entry) in all.iter().enumerate() {
        let known = found.iter().any(|(at, _)| *at == place);
        if !known && entry.who.is_none() && fuzzy::find(typed, &entry.act.name().replace('-', " ")).is_some()
        {
            found.push((place, Found { score: 0, at: Vec::new() }));
        }
    }
    found.into_iter().map(|(place, Found { at, .. })| Entry { at, ..all[place].clone() }).collect()
}

/// The actions, those of the place below first, each once.
fn acts(model: &Model) -> Vec<Entry> {
    let here = model.places_below();
    let elsewhere = [Place::Call, Place::Incoming, Place::List, Place::Message, Place::Anywhere];
    let places: Vec<Place> = here.iter().chain(&elsewhere).copied().collect();
    let mut entries: Vec<Entry> = Vec::new();
    let rows = places.iter().flat_map(|place| TABLE.iter().filter(move |row| row.place == *place));
    for row in rows.filter(|row| sensible(model, row.act)) {
        if entries.iter().any(|entry| entry.act == row.act) {
            continue;
        }
        let words = [row.help, row.hint].into_iter().find(|words| !words.is_empty() && !row.pair);
        let words = words.map_or_else(|| row.act.name().replace('-', " "), str::to_owned);
        let key = model.settings.keys.key(row.act, &places);
        entries.push(Entry { words, key, act: row.act, who: None, at: Vec::new() });
    }
    entries
}

/// What can be done with people, by name.
fn people(model: &Model) -> Vec<Entry> {
    let entry = |verb: &str, contact: &ContactInfo, act| {
        let key = model.settings.keys.key(act, &[Place::List]);
        let who = Some(contact.name.clone());
        Entry { words: format!("{verb} {}", model.shown(&contact.name)), key, act, who, at: Vec::new() }
    };
    let contacts = model.contacts.contacts();
    let calls = contacts.iter().filter(|contact| model.call.is_none() && callable(contact));
    let writes = contacts.iter().filter(|contact| contact.standing == Standing::Mutual && !is_guest(contact));
    let requests = model.contacts.requests();
    calls
        .map(|contact| entry("call", contact, Act::Call))
        .chain(writes.map(|contact| entry("write to", contact, Act::Open)))
        .chain(requests.iter().map(|contact| entry("accept", contact, Act::Accept)))
        .collect()
}

/// Whether something would come of it now. Moving, scrolling and editing are for keys alone.
fn sensible(model: &Model, act: Act) -> bool {
    let live = model.call.as_ref().is_some_and(|call| matches!(call.phase, Phase::Live { .. }));
    let chosen = model.contacts.selected();
    match act {
        Act::Settings | Act::Devices => true,
        Act::DoNotDisturb => true,
        Act::Help | Act::Mute | Act::Redraw | Act::Suspend | Act::Quit | Act::OtherPane | Act::Add => true,
        Act::HangUp | Act::CallView => model.call.is_some() && model.incoming().is_none(),
        Act::Call => model.call.is_none() && chosen.is_some_and(callable),
        Act::Mark => chosen.is_some_and(callable),
        Act::Unmark => !model.contacts.marked().is_empty(),
        Act::Accept => !model.contacts.requests().is_empty(),
        // To whoever has not accepted nothing can be written yet.
        Act::Open => chosen.is_some_and(|contact| contact.standing != Standing::Asked),
        Act::Remove | Act::Favourite | Act::Rename | Act::Verify | Act::Block => chosen.is_some(),
        Act::Find | Act::Blocked => true,
        Act::NextUnread => model.unread() > 0,
        Act::Undo => model.contacts.leaving().is_some(),
        Act::Answer { .. } | Act::Decline | Act::DeclineAndWrite | Act::Silence => model.incoming().is_some(),
        Act::Talk => live && model.sound.talk.is_on(),
        Act::Louder | Act::Quieter | Act::Record => live,
        Act::SayAgain(wanted) => live && wanted != model.tools.saying_again,
        Act::Palette
        | Act::Turn { .. }
        | Act::Change
        | Act::Reset
        | Act::EchoTest
        | Act::Interrupt
        | Act::Move(_)
        | Act::Go
        | Act::NewLine
        | Act::Back
        | Act::Edit(_)
        | Act::Scroll { .. }
        | Act::Choose { .. }
        | Act::Consent
        | Act::Judge(_)
        | Act::Code
        | Act::Invert
        | Act::Unblock
        | Act::OtherLine
        | Act::OwnLink => false,
    }
}
