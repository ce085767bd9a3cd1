//! The table with the keys that a person chose instead. Whoever asks what a key means or which key does something asks
//! here, so that a key that was changed is changed everywhere.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Act, Place, Row, TABLE, layout, older, text};
use crate::keys::{Code, Key, Kind};

/// The keys as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keymap {
    /// By row of the table: the keys instead of its own.
    changed: BTreeMap<usize, Vec<Key>>,
}

/// A line of `[keys]` in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The table: `keys` itself (empty) is for what counts anywhere, `keys.call` for the call view.
    pub place: String,
    /// The name of the action.
    pub act: String,
    /// The keys; none unbinds.
    pub keys: Vec<String>,
    /// The line of the file, from 1.
    pub line: usize,
}

/// A binding that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// The line of the file, from 1.
    pub line: usize,
    /// What is wrong and what to do, in a sentence without its end.
    pub why: String,
}

/// What the footer says of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The key.
    pub key: String,
    /// What it does.
    pub words: &'static str,
    /// The same, for whoever knows better words.
    pub act: Act,
}

impl Keymap {
    /// The table with these bindings in place of its own.
    ///
    /// # Errors
    /// All that cannot be: unknown names, unreadable keys, and keys that would mean two things at once.
    pub fn new(bindings: &[Binding]) -> Result<Self, Vec<Wrong>> {
        let mut keymap = Self::default();
        let mut wrong = Vec::new();
        let mut lines = BTreeMap::new();
        for binding in bindings {
            match understood(binding) {
                Err(why) => wrong.push(Wrong { line: binding.line, why }),
                Ok((rows, keys)) => {
                    for row in rows {
                        lines.insert(row, binding.line);
                        keymap.changed.insert(row, keys.clone());
                    }
                }
            }
        }
        wrong.extend(lines.iter().filter_map(|(row, line)| {
            let why = keymap.conflict(*row)?;
            Some(Wrong { line: *line, why })
        }));
        wrong.sort_by_key(|wrong| wrong.line);
        // One line can be wrong for the two rows it stands for.
        wrong.dedup();
        if wrong.is_empty() { Ok(keymap) } else { Err(wrong) }
    }

    /// The row that `key` means, looking through `places` in order. A key that means nothing by what it types counts
    /// for the Latin letter at its place, except where it is typed.
    pub fn meaning(&self, key: Key, places: &[Place]) -> Option<&'static Row> {
        let pressed = Key { kind: Kind::Press, base: None, ..key };
        let typed = pressed.typed().is_some() && places.contains(&Place::Edit);
        let latin = || layout::latin(key).filter(|_| !typed).map(|c| Key { code: Code::Char(c), ..pressed });
        let alike = || older::alike(key).map(|key| Key { kind: Kind::Press, ..key });
        let row = self.row(pressed, places).or_else(|| self.row(latin()?, places));
        row.or_else(|| self.row(alike()?, places))
    }

    fn row(&self, pressed: Key, places: &[Place]) -> Option<&'static Row> {
        let at = |place: &Place| {
            let mut rows = TABLE.iter().enumerate().filter(|(_, row)| row.place == *place);
            rows.find(|(at, _)| self.keys_at(*at).contains(&pressed)).map(|(_, row)| row)
        };
        places.iter().find_map(at)
    }

    /// The key that does this here, as people read it; none when no key does.
    pub fn key(&self, act: Act, places: &[Place]) -> Option<String> {
        let at = |place: &Place| {
            let mut rows = TABLE.iter().enumerate().filter(|(_, row)| row.place == *place && row.act == act);
            rows.find_map(|(at, _)| self.first_at(at))
        };
        places.iter().find_map(at)
    }

    /// The rows of a place that the help lists, with their keys as people read them.
    pub fn listed(&self, place: Place) -> impl Iterator<Item = (Cow<'static, str>, &'static Row)> {
        let rows =
            TABLE.iter().enumerate().filter(move |(_, row)| row.place == place && !row.help.is_empty());
        rows.map(|(at, row)| (self.shown_at(at), row)).filter(|(shown, _)| !shown.is_empty())
    }

    /// The rows of a place for the help: keys, words, and the name of the action. `here` takes in what is else only said
    /// by the footer.
    pub fn helped(
        &self,
        place: Place,
        here: bool,
    ) -> impl Iterator<Item = (Cow<'static, str>, &'static str, &'static str)> {
        let rows = TABLE.iter().enumerate().filter(move |(_, row)| row.place == place);
        rows.filter_map(move |(at, row)| {
            let hint = Some(row.hint).filter(|_| here && row.act != Act::Help);
            let words = [Some(row.help), hint].into_iter().flatten().find(|words| !words.is_empty())?;
            // The second of a pair is told with the first.
            let told = row.help.is_empty() && at > 0 && TABLE[at - 1].pair;
            Some((self.shown_at(at), words, row.act.name())).filter(|(keys, ..)| !told && !keys.is_empty())
        })
    }

    /// What was changed: the name of the action, and its keys as people read them.
    pub fn changed(&self) -> impl Iterator<Item = (String, String)> {
        self.changed.iter().map(|(at, keys)| {
            let shown: Vec<String> = keys.iter().copied().map(text::shown).collect();
            (TABLE[*at].name(), if shown.is_empty() { "no key".to_owned() } else { shown.join(" or ") })
        })
    }

    /// The words of the footer for these places, in the order of the table.
    pub fn hints(&self, places: &[Place]) -> Vec<Hint> {
        let rows = |place: &Place| {
            let place = *place;
            TABLE.iter().enumerate().filter(move |(_, row)| row.place == place && !row.hint.is_empty())
        };
        let mut hints: Vec<Hint> = Vec::new();
        for (at, row) in places.iter().flat_map(rows) {
            let Some(key) = self.first_at(at) else { continue };
            // What a key means in the more particular place hides what it means in the other, and one key for a
            // thing is enough.
            if !hints.iter().any(|hint| hint.key == key || hint.act == row.act) {
                hints.push(Hint { key, words: row.hint, act: row.act });
            }
        }
        hints
    }

    /// The keys as the README shows them, in Markdown, with their names in the configuration.
    pub fn readme_table(&self) -> String {
        let mut out =
            String::from("| where | key | what it does | name in `[keys]` |\n| --- | --- | --- | --- |\n");
        for (place, heading) in Place::LISTED {
            for (shown, row) in self.listed(place) {
                let keys = shown.split(" or ").map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
                let place = heading.to_lowercase();
                out.push_str(&format!("| {place} | {keys} | {} | `{}` |\n", row.help, row.name()));
            }
        }
        out
    }

    fn keys_at(&self, at: usize) -> &[Key] {
        self.changed.get(&at).map_or(TABLE[at].keys, Vec::as_slice)
    }

    fn first_at(&self, at: usize) -> Option<String> {
        match self.changed.get(&at) {
            Some(keys) => keys.first().copied().map(text::shown),
            None => Some(TABLE[at].shown.split(" or ").next().unwrap_or_default().to_owned()),
        }
    }

    /// Empty when no key does it.
    fn shown_at(&self, at: usize) -> Cow<'static, str> {
        let row = &TABLE[at];
        let partner = Some(at + 1).filter(|next| row.pair && self.changed.contains_key(next));
        let own = self.changed.get(&at);
        if own.is_none() && partner.is_none() {
            return Cow::Borrowed(row.shown);
        }
        let mut keys: Vec<String> = match own {
            Some(keys) if !row.pair => keys.iter().copied().map(text::shown).collect(),
            Some(_) | None => self.first_at(at).into_iter().collect(),
        };
        if row.pair {
            keys.extend(self.first_at(at + 1));
        }
        Cow::Owned(keys.join(" or "))
    }

    /// Why the keys of a changed row cannot be.
    fn conflict(&self, at: usize) -> Option<String> {
        let row = &TABLE[at];
        let others = || TABLE.iter().enumerate().filter(|(other, _)| *other != at);
        for key in self.keys_at(at) {
            let shown = text::shown(*key);
            if row.place.is_text() && key.typed().is_some() {
                return Some(format!(
                    "{shown} would be typed there: take it with ctrl or alt, or a function key"
                ));
            }
            let taken = others().find(|(other, with)| {
                let usual = row.keys.contains(key) && with.keys.contains(key);
                with.act != row.act
                    && !usual
                    && row.place.meets(with.place)
                    && self.keys_at(*other).contains(key)
            });
            if let Some((_, with)) = taken {
                return Some(format!(
                    "{shown} is {} already: give one of them another key, or none",
                    with.name()
                ));
            }
        }
        None
    }
}

/// The rows a binding is about, and its keys.
fn understood(binding: &Binding) -> Result<(Vec<usize>, Vec<Key>), String> {
    let named = |row: &Row| row.act.name() == binding.act;
    let here = |row: &Row| row.place.table() == binding.place;
    let rows: Vec<usize> =
        TABLE.iter().enumerate().filter(|(_, row)| here(row) && named(row)).map(|(at, _)| at).collect();
    if rows.is_empty() {
        return Err(unknown(binding));
    }
    let keys = binding.keys.iter().map(|text| text::parse(text)).collect::<Result<_, _>>()?;
    Ok((rows, keys))
}

fn unknown(binding: &Binding) -> String {
    let name = if binding.place.is_empty() {
        binding.act.clone()
    } else {
        format!("{}.{}", binding.place, binding.act)
    };
    let elsewhere = TABLE.iter().find(|row| row.act.name() == binding.act);
    match elsewhere {
        Some(row) => format!("{name} does nothing there: the action is {}", row.name()),
        None => format!("no action is called {name}: the help and README.md list them"),
    }
}
