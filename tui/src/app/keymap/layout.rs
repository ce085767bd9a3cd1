//! Letters are commands in the list, and somebody who writes Russian or Greek should not have to change the layout for
//! each. A terminal with the kitty keyboard protocol tells which Latin letter is at the place of a key; for the others
//! the usual Cyrillic and Greek layouts are known here.

use crate::keys::{Code, Key};

/// Letters of the usual layouts (Russian, Ukrainian, Bulgarian phonetic is left out: it has the Latin places) and the
/// letter of the US layout on the same key.
const CYRILLIC: &str = "йцукенгшщзфывапролдячсмитьієёїґҐ";
const LATIN: &str = "qwertyuiopasdfghjklzxcvbnms'`]\\|";

/// The Greek layout follows the sounds.
const GREEK: &str = "ςερτυθιοπασδφγηξκλζχψωβνμ";
const GREEK_LATIN: &str = "wertyuiopasdfghjklzxcvbnm";

/// What the key of a character would type in the US layout, where that is known and something else.
pub(super) fn latin(key: Key) -> Option<char> {
    let Code::Char(c) = key.code else { return None };
    if let Some(base) = key.base.filter(|base| *base != c) {
        return Some(if c.is_uppercase() { base.to_ascii_uppercase() } else { base });
    }
    let small = c.to_lowercase().next().unwrap_or(c);
    let found = at(CYRILLIC, LATIN, small).or_else(|| at(GREEK, GREEK_LATIN, small))?;
    Some(if c == small { found } else { found.to_ascii_uppercase() })
}

fn at(letters: &str, latin: &str, c: char) -> Option<char> {
    letters.chars().zip(latin.chars()).find(|(letter, _)| *letter == c).map(|(_, latin)| latin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_other_layouts_are_at_latin_places() {
        let all = |text: &str| text.chars().filter_map(|c| latin(Key::char(c))).collect::<String>();
        assert_eq!(all("сфдд"), "call");
        assert_eq!(all("ФВЧ"), "ADX");
        assert_eq!(all("іІ"), "sS");
        assert_eq!(all("ψαλλ"), "call");
        assert_eq!(all("ΑΔ"), "AD");
        assert_eq!(all("call 李?"), "");
        assert_eq!(CYRILLIC.chars().count(), LATIN.chars().count());
        assert_eq!(GREEK.chars().count(), GREEK_LATIN.chars().count());
    }

    #[test]
    fn the_terminal_knows_better() {
        let told = |c, base| latin(Key { base: Some(base), ..Key::char(c) });
        assert_eq!(told('ק', 'e'), Some('e'));
        // Bulgarian: the key of Latin `c` may type another letter than in the Russian layout.
        assert_eq!(told('ъ', 'c'), Some('c'));
        assert_eq!(told('С', 'c'), Some('C'));
        assert_eq!(told('c', 'c'), None);
    }
}
