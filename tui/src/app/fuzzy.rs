//! Finding by a few letters: those typed, in their order, anywhere in the text. Starts of words and letters that stand
//! together count more, so that `cb` finds "call bob" before "cancel a robot". For the palette and the search for
//! contacts; pure, and without any table of languages.

use std::cmp::Reverse;

/// A letter that was found.
const FOUND: i32 = 16;
/// It begins a word.
const WORD: i32 = 12;
/// It follows the one found before it.
const RUN: i32 = 14;
/// It is the first of all: what begins like this is what most people mean.
const FIRST: i32 = 6;
/// Beginning to skip letters between two found ones, and each more of them.
const GAP: i32 = -3;
const GAP_MORE: i32 = -1;
/// What is skipped costs no more than this: a long text is not worse without end.
const GAP_WORST: i32 = -12;

/// Letters of a pattern that count; nobody types more to find something.
pub const PATTERN_LETTERS_MAX: usize = 64;
/// Letters of a text that are looked at.
pub const TEXT_LETTERS_MAX: usize = 512;

/// How well a text fits, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// More is better; only comparable among texts of one pattern.
    pub score: i32,
    /// Byte offsets of the characters of the text that were found, ascending.
    pub at: Vec<usize>,
}

/// Looks for the letters of `pattern` in `text`, in order, whatever their case. Blanks in the pattern only separate.
/// An empty pattern fits everything, with score 0. None: they are not all there.
///
/// Takes the best of all ways to find them: O(letters of the pattern × letters of the text), both bounded.
pub fn find(pattern: &str, text: &str) -> Option<Found> {
    let wanted: Vec<char> = pattern
        .chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .take(PATTERN_LETTERS_MAX)
        .collect();
    let letters = letters(text);
    let Some(last) = wanted.len().checked_sub(1) else {
        return Some(Found { score: 0, at: Vec::new() });
    };
    let table = Table::fill(&wanted, &letters)?;
    let (end, score) = table.best(last)?;
    Some(Found { score, at: table.trace(last, end, &letters) })
}

/// The texts that fit, best first; of equals the shorter, and then the earlier one. Gives their places in `texts`.
pub fn sort<'a>(pattern: &str, texts: impl IntoIterator<Item = &'a str>) -> Vec<(usize, Found)> {
    let mut found: Vec<(usize, usize, Found)> = texts
        .into_iter()
        .enumerate()
        .filter_map(|(place, text)| find(pattern, text).map(|found| (place, text.chars().count(), found)))
        .collect();
    if pattern.chars().any(|c| !c.is_whitespace()) {
        found.sort_by_key(|(_, length, found)| (Reverse(found.score), *length));
    }
    found.into_iter().map(|(place, _, found)| (place, found)).collect()
}

/// One letter of the text.
struct Letter {
    folded: char,
    /// Byte offset of the character.
    at: usize,
    word: bool,
}

/// The text, letter by letter in lower case. What one character becomes several of (`İ`) stays at its one place.
fn letters(text: &str) -> Vec<Letter> {
    let mut before: Option<char> = None;
    let mut letters = Vec::new();
    for (at, c) in text.char_indices() {
        let word = c.is_alphanumeric()
            && before.is_none_or(|before| {
                !before.is_alphanumeric() || (before.is_lowercase() && c.is_uppercase())
            });
        for (part, folded) in c.to_lowercase().enumerate() {
            letters.push(Letter { folded, at, word: word && part == 0 });
        }
        before = Some(c);
        if letters.len() >= TEXT_LETTERS_MAX {
            break;
        }
    }
    letters
}

/// For each letter wanted and each place: the best score with that letter found there, and where the one before was.
struct Table {
    width: usize,
    cells: Vec<Option<(i32, usize)>>,
}

impl Table {
    fn fill(wanted: &[char], letters: &[Letter]) -> Option<Self> {
        let width = letters.len();
        let mut table = Self { width, cells: vec![None; width * wanted.len()] };
        for (row, want) in wanted.iter().enumerate() {
            let mut any = false;
            // The best place for the letter before, leaving out the neighbour, as its score was there.
            let mut earlier: Option<(i32, usize)> = None;
            for (x, letter) in letters.iter().enumerate() {
                if row > 0 && x >= 2 {
                    earlier = table.better(earlier, row - 1, x - 2, x);
                }
                if letter.folded != *want {
                    continue;
                }
                let base = FOUND
                    + if letter.word { WORD } else { 0 }
                    + if letter.at == 0 && letter.word { FIRST } else { 0 };
                table.cells[row * width + x] = if row == 0 {
                    Some((base, x))
                } else {
                    let run = x
                        .checked_sub(1)
                        .and_then(|before| Some((table.score(row - 1, before)? + RUN, before)));
                    let gap = earlier.map(|(score, before)| (score + gap(x - before - 1), before));
                    run.into_iter()
                        .chain(gap)
                        .max_by_key(|(score, _)| *score)
                        .map(|(score, at)| (score + base, at))
                };
                any |= table.cells[row * width + x].is_some();
            }
            if !any {
                return None;
            }
        }
        Some(table)
    }

    fn score(&self, row: usize, x: usize) -> Option<i32> {
        self.cells[row * self.width + x].map(|(score, _)| score)
    }

    /// The better place to come from when the next letter is found at `x`.
    fn better(&self, so_far: Option<(i32, usize)>, row: usize, at: usize, x: usize) -> Option<(i32, usize)> {
        let new = self.score(row, at).map(|score| (score, at));
        let worth = |(score, at): (i32, usize)| score + gap(x - at - 1);
        so_far.into_iter().chain(new).max_by_key(|place| worth(*place))
    }

    fn best(&self, row: usize) -> Option<(usize, i32)> {
        let scores = (0..self.width).filter_map(|x| self.score(row, x).map(|score| (x, score)));
        scores.max_by_key(|(x, score)| (*score, Reverse(*x)))
    }

    fn trace(&self, last: usize, end: usize, letters: &[Letter]) -> Vec<usize> {
        let mut at = Vec::with_capacity(last + 1);
        let mut x = end;
        for row in (0..=last).rev() {
            at.push(letters[x].at);
            x = self.cells[row * self.width + x].map_or(x, |(_, before)| before);
        }
        at.reverse();
        at.dedup();
        at
    }
}

fn gap(skipped: usize) -> i32 {
    match i32::try_from(skipped) {
        Ok(0) => 0,
        Ok(skipped) => (GAP + GAP_MORE * (skipped - 1)).max(GAP_WORST),
        Err(_) => GAP_WORST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn order<'a>(pattern: &str, texts: &[&'a str]) -> Vec<&'a str> {
        sort(pattern, texts.iter().copied()).into_iter().map(|(at, _)| texts[at]).collect()
    }

    fn marked(pattern: &str, text: &str) -> String {
        let at = find(pattern, text).unwrap().at;
        text.char_indices()
            .map(|(place, c)| if at.contains(&place) { format!("[{c}]") } else { c.to_string() })
            .collect()
    }

    #[test]
    fn letters_are_found_in_their_order_and_only_then() {
        assert_eq!(marked("cb", "call bob"), "[c]all [b]ob");
        assert!(find("bc", "call bob").is_none());
        assert!(find("boob", "bob").is_none());
        assert_eq!(find("", "anything"), Some(Found { score: 0, at: vec![] }));
        assert!(find("x", "").is_none());
    }

    #[test]
    fn words_and_runs_are_preferred_to_what_comes_first() {
        assert_eq!(marked("mute", "m u t e mute"), "m u t e [m][u][t][e]");
        assert_eq!(marked("ob", "robot ob"), "robot [o][b]");
        assert_eq!(marked("ss", "microphoneSetSound"), "microphone[S]et[S]ound");
        assert_eq!(order("ca", &["echo cancel", "call bob", "scan"]), ["call bob", "echo cancel", "scan"]);
        assert_eq!(
            order("bob", &["blowing bubbles", "call bob", "bob"]),
            ["bob", "call bob", "blowing bubbles"]
        );
    }

    #[test]
    fn of_equals_the_shorter_and_then_the_earlier() {
        assert_eq!(
            order("call", &["call bobby", "call bob", "call rob"]),
            ["call bob", "call rob", "call bobby"]
        );
        assert_eq!(order(" ", &["zoe", "bob"]), ["zoe", "bob"]);
    }

    #[test]
    fn case_and_blanks_do_not_matter_in_any_script() {
        assert_eq!(marked("CALL b", "call Bob"), "[c][a][l][l] [B]ob");
        assert_eq!(marked("жу", "Журнал"), "[Ж][у]рнал");
        assert_eq!(marked("雷", "李雷"), "李[雷]");
        assert_eq!(marked("éc", "École"), "[É][c]ole");
        // One character that is two in lower case is one place.
        assert_eq!(find("i\u{307}s", "İs").unwrap().at, [0, 2]);
    }

    proptest! {
        #[test]
        fn what_is_found_is_there(pattern in "[a-cA-C é李 ]{0,5}", text in "[a-cA-C é李İ_]{0,24}") {
            let wanted: Vec<char> = pattern.chars().filter(|c| *c != ' ').flat_map(char::to_lowercase).collect();
            // The plain way to say whether they are there at all.
            let mut left = wanted.iter().peekable();
            for c in text.chars().flat_map(char::to_lowercase) {
                left.next_if(|want| **want == c);
            }
            let there = left.peek().is_none();
            let found = find(&pattern, &text);
            prop_assert_eq!(found.is_some(), there);
            if let Some(found) = found {
                prop_assert!(found.at.is_sorted() && found.at.iter().all(|at| text.is_char_boundary(*at)));
                prop_assert!(found.at.len() <= wanted.len());
            }
        }
    }
}
