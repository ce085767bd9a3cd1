//! Our side of the three-way relay binding (native.md section 6): BIND until a COOKIE comes, BIND2 with it, until
//! BOUND. A try that is not answered is repeated after 250 ms, backing off to 1 s, for as long as the call has us;
//! a bound place is bound anew every 15 s while nothing else keeps it warm, and when the ticket is renewed.

use core::fmt;
use core::net::SocketAddr;

use crate::crypto::mac;
use crate::drop::Drop;
use crate::limits::{BIND_EVERY, BIND_EVERY_MAX, RELAY_KEEPALIVE};
use crate::media::command::Place;
use crate::rng::Rng;
use crate::time::{Time, earliest};
use crate::wire::datagram::{Bind, Bound, Control, Cookie, Kind};

/// A place at the relay, and how we stand with it.
pub(super) struct Binding {
    place: Place,
    rng: Rng,
    attempt: Option<Attempt>,
    bound: Option<Time>,
}

/// A bind that is not answered yet.
struct Attempt {
    nonce: [u8; 16],
    next: Time,
    wait: core::time::Duration,
}

impl Binding {
    /// Wants the place from now on.
    pub(super) fn new(place: Place, rng: Rng, now: Time) -> Self {
        let mut binding = Self { place, rng, attempt: None, bound: None };
        binding.start(now);
        binding
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Where datagrams go.
    pub(super) fn relay_addr(&self) -> SocketAddr {
        self.place.relay_addr
    }

    /// When the relay last said BOUND.
    pub(super) fn bound_at(&self) -> Option<Time> {
        self.bound
    }

    /// Whether a bind is under way.
    pub(super) fn is_asking(&self) -> bool {
        self.attempt.is_some()
    }

    /// Takes a newer ticket, or a relay at another address, and binds with it.
    pub(super) fn renew(&mut self, place: Place, now: Time) {
        self.place = place;
        self.attempt = None;
        self.start(now);
    }

    /// Binds anew, unless that is under way.
    pub(super) fn start(&mut self, now: Time) {
        if self.attempt.is_none() {
            self.attempt = Some(Attempt { nonce: self.rng.bytes(), next: now, wait: BIND_EVERY });
        }
    }

    /// When to call [`Self::tick`]; `quiet` while nothing else is sent.
    pub(super) fn deadline(&self, quiet: bool) -> Option<Time> {
        let again = self.bound.filter(|_| quiet && self.attempt.is_none()).map(|at| at + RELAY_KEEPALIVE);
        earliest(self.attempt.as_ref().map(|attempt| attempt.next), again)
    }

    /// The BIND that is due, if one is.
    pub(super) fn tick(&mut self, quiet: bool, now: Time) -> Option<Control> {
        if self.deadline(quiet).is_none_or(|at| at > now) {
            return None;
        }
        self.start(now);
        let attempt = self.attempt.as_mut()?;
        attempt.next = now + attempt.wait;
        attempt.wait = (attempt.wait * 2).min(BIND_EVERY_MAX);
        let nonce = attempt.nonce;
        Some(self.bind(nonce).encode(|over| mac::bind_mac(&self.place.ticket, over)))
    }

    /// Reads what came from the relay's address and does not look like voice.
    pub(super) fn answer(&mut self, bytes: &[u8], now: Time) -> Result<Answer, Drop> {
        match Kind::of(bytes) {
            Some(Kind::Cookie) => self.cookie(bytes).map(Answer::Send),
            Some(Kind::Bound) => self.bound(bytes, now),
            Some(Kind::Rtp | Kind::Bind | Kind::Bind2) | None => Err(Drop::Malformed),
        }
    }

    fn cookie(&self, bytes: &[u8]) -> Result<Control, Drop> {
        let cookie = Cookie::decode(bytes).ok_or(Drop::Malformed)?;
        let attempt = self.attempt.as_ref().ok_or(Drop::OutOfTurn)?;
        if cookie.nonce != attempt.nonce {
            return Err(Drop::Replay);
        }
        Ok(self.bind(cookie.cookie).encode_second(|over| mac::bind_mac(&self.place.ticket, over)))
    }

    fn bound(&mut self, bytes: &[u8], now: Time) -> Result<Answer, Drop> {
        let bound = Bound::decode(bytes).ok_or(Drop::Malformed)?;
        if (bound.relay, bound.ssrc) != (self.place.relay, self.place.ssrc) {
            return Err(Drop::Stranger);
        }
        self.attempt.take().ok_or(Drop::OutOfTurn)?;
        let first = self.bound.is_none();
        self.bound = Some(now);
        Ok(if first { Answer::FirstBound } else { Answer::BoundAgain })
    }

    fn bind(&self, proof: [u8; 16]) -> Bind {
        Bind { relay: self.place.relay, ssrc: self.place.ssrc, expiry: self.place.expiry, proof }
    }
}

/// What an answer of the relay leads to.
pub(super) enum Answer {
    /// Send this BIND2.
    Send(Control),
    /// The place is ours.
    FirstBound,
    /// It is ours again, or still.
    BoundAgain,
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Binding({:?}, bound at {:?})", self.place, self.bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{CallId, RelayId, Ssrc};

    fn place() -> Place {
        Place {
            call: CallId([1; 16]),
            relay_addr: "192.0.2.1:8462".parse().unwrap(),
            relay: RelayId(1),
            ssrc: Ssrc(2),
            expiry: 3,
            ticket: [4; 32],
        }
    }

    fn ticks(binding: &mut Binding, until: Time) -> Vec<u64> {
        let mut times = Vec::new();
        while let Some(at) = binding.deadline(true).filter(|at| *at <= until) {
            assert!(binding.tick(true, at).is_some());
            times.push(at.as_ms());
        }
        times
    }

    #[test]
    fn an_unanswered_bind_backs_off_and_goes_on() {
        let mut binding = Binding::new(place(), Rng::new([1; 32]), Time::ZERO);
        assert_eq!(ticks(&mut binding, Time::ms(4_000)), [0, 250, 750, 1_750, 2_750, 3_750]);
    }

    #[test]
    fn a_bound_place_is_kept_warm_when_quiet() {
        let mut binding = Binding::new(place(), Rng::new([1; 32]), Time::ZERO);
        let sent = binding.tick(true, Time::ZERO).unwrap();
        let nonce = Bind::decode(&sent).unwrap().0.proof;
        let cookie = Cookie { nonce, cookie: [9; 16] };
        let Ok(Answer::Send(second)) = binding.answer(&cookie.encode(), Time::ms(20)) else {
            panic!("no BIND2")
        };
        let (bind, signed) = Bind::decode_second(&second).unwrap();
        assert_eq!(bind.proof, [9; 16]);
        assert_eq!(mac::bind_mac(&[4; 32], signed.over), signed.mac);
        let bound = Bound { relay: RelayId(1), ssrc: Ssrc(2) }.encode();
        assert!(matches!(binding.answer(&bound, Time::ms(40)), Ok(Answer::FirstBound)));
        assert_eq!(binding.answer(&bound, Time::ms(41)).err(), Some(Drop::OutOfTurn));
        assert_eq!(binding.deadline(true), Some(Time::ms(15_040)));
        assert_eq!(binding.deadline(false), None);
        assert_eq!(ticks(&mut binding, Time::ms(15_300)), [15_040, 15_290]);
    }

    #[test]
    fn answers_to_nothing_we_asked_are_named() {
        let mut binding = Binding::new(place(), Rng::new([1; 32]), Time::ZERO);
        let cookie = Cookie { nonce: [0; 16], cookie: [9; 16] };
        assert_eq!(binding.answer(&cookie.encode(), Time::ZERO).err(), Some(Drop::Replay));
        let bound = Bound { relay: RelayId(1), ssrc: Ssrc(3) }.encode();
        assert_eq!(binding.answer(&bound, Time::ZERO).err(), Some(Drop::Stranger));
        assert_eq!(binding.answer(&[0xc1; 4], Time::ZERO).err(), Some(Drop::Malformed));
    }
}
