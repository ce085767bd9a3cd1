//! One thing at a time: the programs of the seeds read whatever arrived together as one frame or packet, so what is
//! said to them is queued and sent with a gap. A seed A client also reads nothing while it asks its user about a
//! call: the queue is held until the answer.

use std::collections::VecDeque;

use core::time::Duration;

use crate::limits::{GUEST_QUEUE_MAX, OUT_QUEUE_BYTES_MAX, RING_HOLD_MAX};
use crate::time::Time;

#[derive(Debug)]
pub(in crate::hub) struct Pace {
    gap: Duration,
    /// Not before this.
    next: Time,
    held_until: Option<Time>,
    words: VecDeque<Word>,
    bytes: usize,
    overflowed: bool,
}

/// What one send carries.
#[derive(Debug)]
pub(super) struct Word {
    pub(super) bytes: Vec<u8>,
    /// Zeros are added up to this: a queue keeps none.
    pub(super) padded: usize,
    /// Asks about a call.
    pub(super) rings: bool,
}

impl Pace {
    pub(super) const fn new(gap: Duration, now: Time) -> Self {
        Self { gap, next: now, held_until: None, words: VecDeque::new(), bytes: 0, overflowed: false }
    }

    pub(super) fn push(&mut self, word: Word) {
        if self.words.len() >= GUEST_QUEUE_MAX || self.bytes + word.bytes.len() > OUT_QUEUE_BYTES_MAX {
            self.overflowed = true;
            return;
        }
        self.bytes += word.bytes.len();
        self.words.push_back(word);
    }

    /// Takes out what asks about a call.
    pub(super) fn drop_rings(&mut self) {
        self.words.retain(|word| !word.rings);
        self.bytes = self.words.iter().map(|word| word.bytes.len()).sum();
    }

    /// What is to be sent now. What asks about a call is left out unless it still `rings`, and what follows it is
    /// held.
    pub(in crate::hub) fn next(&mut self, now: Time, rings: bool) -> Option<Vec<u8>> {
        while self.due()? <= now {
            let mut word = self.words.pop_front()?;
            self.bytes -= word.bytes.len();
            if word.rings && !rings {
                continue;
            }
            self.held_until = word.rings.then(|| now + RING_HOLD_MAX);
            self.next = now + self.gap;
            word.bytes.resize(word.padded.max(word.bytes.len()), 0);
            return Some(word.bytes);
        }
        None
    }

    /// The question about the call is answered.
    pub(super) const fn release(&mut self) {
        self.held_until = None;
    }

    /// When [`Pace::next`] has something.
    pub(in crate::hub) fn due(&self) -> Option<Time> {
        let next = self.held_until.map_or(self.next, |until| until.max(self.next));
        self.words.front().map(|_| next)
    }

    /// Whether more was to be said than may wait: the connection reads too slowly.
    pub(in crate::hub) const fn is_overflowed(&self) -> bool {
        self.overflowed
    }

    pub(in crate::hub) fn is_sound(&self) -> bool {
        self.words.len() <= GUEST_QUEUE_MAX
            && self.bytes <= OUT_QUEUE_BYTES_MAX
            && self.bytes == self.words.iter().map(|word| word.bytes.len()).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: Duration = Duration::from_millis(30);

    fn word(text: &str, rings: bool) -> Word {
        Word { bytes: text.as_bytes().to_vec(), padded: 0, rings }
    }

    #[test]
    fn the_first_word_goes_at_once_and_each_other_a_gap_later() {
        let mut pace = Pace::new(GAP, Time::ZERO);
        for text in ["a", "b", "c"] {
            pace.push(word(text, false));
        }
        assert_eq!(pace.next(Time::ZERO, false), Some(b"a".to_vec()));
        assert_eq!((pace.next(Time::ms(29), false), pace.due()), (None, Some(Time::ms(30))));
        assert_eq!(pace.next(Time::ms(31), false), Some(b"b".to_vec()));
        assert_eq!(pace.next(Time::ms(60), false), None);
        assert_eq!(pace.next(Time::ms(61), false), Some(b"c".to_vec()));
        assert_eq!((pace.due(), pace.is_sound()), (None, true));
    }

    #[test]
    fn a_question_about_a_call_holds_the_rest_until_answered_or_for_a_minute() {
        let asked = || {
            let mut pace = Pace::new(GAP, Time::ZERO);
            pace.push(word("ring", true));
            pace.push(word("rest", false));
            assert_eq!(pace.next(Time::ZERO, true), Some(b"ring".to_vec()));
            assert_eq!(pace.next(Time::secs(59), true), None);
            pace
        };
        let mut answered = asked();
        answered.release();
        assert_eq!(answered.next(Time::secs(59), true), Some(b"rest".to_vec()));
        assert_eq!(asked().next(Time::secs(60), true), Some(b"rest".to_vec()));
    }

    #[test]
    fn a_question_about_a_call_that_is_over_is_not_asked() {
        let mut pace = Pace::new(GAP, Time::ZERO);
        pace.push(word("ring", true));
        pace.push(word("rest", false));
        assert_eq!(pace.next(Time::ZERO, false), Some(b"rest".to_vec()));
    }

    #[test]
    fn a_queue_has_an_end() {
        let mut pace = Pace::new(GAP, Time::ZERO);
        for _ in 0..GUEST_QUEUE_MAX {
            pace.push(word("a", false));
        }
        assert!(!pace.is_overflowed());
        pace.push(word("a", false));
        assert!(pace.is_overflowed() && pace.is_sound());
        let mut pace = Pace::new(GAP, Time::ZERO);
        pace.push(word(&"a".repeat(OUT_QUEUE_BYTES_MAX), false));
        pace.push(word("a", false));
        assert!(pace.is_overflowed() && pace.is_sound());
    }
}
