//! The table `[keys]`: which keys a person wants for what, with the line of each, so that what is wrong is found.

use anyhow::anyhow;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::line_of;
use crate::app::keymap::{Binding, Keymap};

/// Reads `[keys]` of the text of a file that is TOML.
///
/// # Errors
/// All that is wrong with it, a sentence for each, with its line.
pub(super) fn read(text: &str) -> anyhow::Result<Keymap> {
    let (bindings, mut wrong) = bindings(text);
    match Keymap::new(&bindings) {
        Ok(keys) if wrong.is_empty() => return Ok(keys),
        Ok(_) => {}
        Err(more) => wrong.extend(more.into_iter().map(|wrong| (wrong.line, wrong.why))),
    }
    wrong.sort();
    let sentences: Vec<String> =
        wrong.into_iter().map(|(line, why)| format!("line {line}: keys: {why}")).collect();
    Err(anyhow!("{}", sentences.join("\n")))
}

fn bindings(text: &str) -> (Vec<Binding>, Vec<(usize, String)>) {
    let (mut bindings, mut wrong) = (Vec::new(), Vec::new());
    let document = DeTable::parse(text);
    let keys = document.as_ref().ok().and_then(|document| document.get_ref().get("keys"));
    let Some(DeValue::Table(keys)) = keys.map(Spanned::get_ref) else { return (bindings, wrong) };
    let mut take = |place: &str, act: &str, value: &Spanned<DeValue<'_>>| {
        let line = line_of(text, value.span().start);
        match wanted(value.get_ref()) {
            Some(keys) => bindings.push(Binding { place: place.to_owned(), act: act.to_owned(), keys, line }),
            None => wrong.push((line, format!("{act} is a key, a list of keys, or \"none\""))),
        }
    };
    for (name, value) in keys {
        if let DeValue::Table(place) = value.get_ref() {
            place.iter().for_each(|(act, value)| take(name.get_ref(), act.get_ref(), value));
        } else {
            // In quotes it is one key to TOML, and the same to people.
            let (place, act) = name.get_ref().split_once('.').unwrap_or(("", name.get_ref()));
            take(place, act, value);
        }
    }
    (bindings, wrong)
}

/// One key, several, or none.
fn wanted(value: &DeValue<'_>) -> Option<Vec<String>> {
    if let DeValue::Array(keys) = value {
        return keys.iter().map(|key| key.get_ref().as_str().map(str::to_owned)).collect();
    }
    value.as_str().map(|key| if key == "none" { Vec::new() } else { vec![key.to_owned()] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::keymap::{Act, Place};

    #[test]
    fn keys_are_named_alone_in_lists_and_not_at_all() {
        let text = "[keys]\nmute = \"ctrl-n\"\nlist.mark = \"none\"\n[keys.call]\nrecord = [\"f9\", \"8\"]\n";
        let keys = read(text).unwrap();
        assert_eq!(read(&text.replace("list.mark", "\"list.mark\"")).unwrap(), keys);
        let all = |act, place| keys.key(act, &[place]);
        assert_eq!(all(Act::Mute, Place::Anywhere).as_deref(), Some("^N"));
        assert_eq!(all(Act::Mark, Place::List), None);
        assert_eq!(all(Act::Record, Place::Call).as_deref(), Some("F9"));
        assert_eq!(read("").unwrap(), Keymap::default());
    }

    #[test]
    fn everything_wrong_is_said_at_once_with_its_line() {
        let text = "name = \"a\"\n[keys]\nmute = 7\nfly = \"ctrl-y\"\n\n[keys.list]\ncall = \"a\"\n";
        let said = read(text).unwrap_err().to_string();
        assert_eq!(
            said.lines().collect::<Vec<_>>(),
            [
                "line 3: keys: mute is a key, a list of keys, or \"none\"",
                "line 4: keys: no action is called fly: the help and README.md list them",
                "line 7: keys: a is list.add already: give one of them another key, or none",
            ]
        );
    }
}
