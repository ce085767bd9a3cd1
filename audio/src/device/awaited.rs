//! A PulseAudio that has served is waited for: it is started anew within moments after an update or a crash, and what
//! ALSA stood in for would be on ALSA until the call ends, without the devices that were chosen. Only looks come in, so
//! that all of it can be tried without a server.

/// Looks for which nothing else takes its place: ten seconds, in which a session has long started it anew.
const ALONE: u32 = 100;
/// Looks between two questions whether it is back, once something else has taken its place: five seconds.
const ASK_EVERY: u32 = 50;

/// Whether PulseAudio is waited for.
#[derive(Debug, Default)]
pub(super) struct Awaited {
    /// Looks since it was there; none when it has not served.
    away: Option<u32>,
}

impl Awaited {
    /// It has opened something for us.
    pub(super) fn served(&mut self) {
        self.away = Some(0);
    }

    /// One look, at which it is there or is not: whether to ask if it is back.
    pub(super) fn look(&mut self, there: bool) -> bool {
        let Some(away) = &mut self.away else { return false };
        *away = if there { 0 } else { away.saturating_add(1) };
        *away > ALONE && (*away - ALONE).is_multiple_of(ASK_EVERY)
    }

    /// Nothing is open any more. What is opened next waits for nobody, but goes over to it.
    pub(super) fn closed(&mut self) {
        self.away = self.away.map(|_| ALONE + 1);
    }

    /// Whether nothing else is to take its place yet.
    pub(super) fn is_alone(&self) -> bool {
        self.away.is_some_and(|away| away <= ALONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_served_is_waited_for_and_asked_for_again_after_something_stood_in() {
        let mut awaited = Awaited::default();
        assert!((0..1_000).all(|_| !awaited.look(false) && !awaited.is_alone()), "it never served");
        for _ in 0..2 {
            awaited.served();
            assert!((0..1_000).all(|_| !awaited.look(true) && awaited.is_alone()), "it is there");
            assert!((0..100).all(|_| !awaited.look(false) && awaited.is_alone()), "it is away for a moment");
            let asked = (1..=200).filter(|_| awaited.look(false)).count();
            assert!(asked == 4 && !awaited.is_alone(), "{asked} questions in twenty seconds");
        }
        assert!(!awaited.look(true) && awaited.is_alone(), "it came back");
        awaited.closed();
        assert!(!awaited.is_alone(), "the next call has what there is");
        assert_eq!((1..=200).filter(|_| awaited.look(false)).count(), 4, "and asks for it");
    }
}
