//! Texts on their way: kept until the friend's own receipt, whatever happens in between.
//!
//! ```text
//! said ─ save ─▶ waiting ── friend there, session there: seal, save ─▶ sent ── receipt ─▶ forgotten (delivered)
//!                   │                                      ▲   │ no receipt: the same bytes again
//!                   └─ no session in time ─▶ failed        └───┘ still none: new session, sealed again
//! ```
//!
//! One text per friend is under way at a time, so that they arrive in order whatever is lost. A retry is the same
//! sealed bytes, because a ratchet that was rolled back must not seal twice with one key; only after several
//! unanswered ones is the session taken for broken. The id never changes, and the receiver knows it again.

use std::collections::{BTreeMap, VecDeque};

use minicbor::{Decode, Encode};

use crate::id::{Fingerprint, MsgId, Name};
use crate::limits::{OUTBOX_PER_FRIEND_MAX, RESEAL_AFTER_TRIES, RESEND_AFTER, SESSION_WAIT_MAX};
use crate::time::{Time, Wall, earliest};
use crate::wire::record::{Copy, Why};

/// What became of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// In the outbox.
    Waiting,
    /// Their device saved it and said so, sealed.
    Delivered,
    /// It will not be delivered.
    Failed(Why),
}

/// What happens to the outbox.
#[derive(Debug)]
pub(crate) enum Act {
    /// A new text.
    Say { id: MsgId, to: Fingerprint, name: Name, text: String, sent: Wall, echo: u64 },
    /// The friend can be reached, or not.
    Reachable(Fingerprint, bool),
    /// A session with a device of theirs is there, or was made anew.
    Keyed(Fingerprint),
    /// What [`Effect::Seal`] asked for; empty when no device has a session.
    Sealed { id: MsgId, to: Fingerprint, copies: Vec<Copy> },
    /// The friend's receipt.
    Received(Fingerprint, MsgId),
    /// The server will not carry it, for good.
    Refused(MsgId, Why),
    /// No contact any more.
    Part(Fingerprint),
    /// The deadline passed.
    Timeout,
}

/// What the outbox wants done.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Write a row, or delete it.
    Save { id: MsgId, value: Option<Vec<u8>> },
    /// Seal this for all devices of theirs.
    Seal { id: MsgId, to: Fingerprint, seq: u64, sent: Wall, text: String },
    /// Send these copies.
    Send { id: MsgId, to: Fingerprint, copies: Vec<Copy> },
    /// Nothing comes back: make new sessions with their devices.
    Renew(Fingerprint),
    /// It is in the outbox, under this id; `echo` as it was said.
    Kept { to: Name, id: MsgId, echo: u64 },
    /// Tell people.
    Tell { to: Name, id: MsgId, state: MessageState },
    /// There are too many texts waiting for this friend already.
    Full { to: Name, echo: u64 },
}

/// One text as kept.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
struct Row {
    #[n(0)]
    to: Fingerprint,
    #[n(1)]
    name: Name,
    /// Order among all texts of this client.
    #[n(2)]
    seq: u64,
    #[n(3)]
    sent_ms: u64,
    #[n(4)]
    text: String,
    /// As sealed; none yet when empty.
    #[n(5)]
    copies: Vec<Copy>,
}

#[derive(Debug)]
struct Item {
    id: MsgId,
    row: Row,
    /// When it came, or was read back.
    since: Time,
    /// Times these bytes were sent.
    tries: u32,
    /// Being sealed right now.
    sealing: bool,
    /// When it is sent again; none when it was not sent since the friend came.
    again_at: Option<Time>,
}

#[derive(Debug, Default)]
struct Friend {
    queue: VecDeque<Item>,
    here_since: Option<Time>,
    keyed: bool,
}

/// The outbox of one client.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    friends: BTreeMap<Fingerprint, Friend>,
    seq: u64,
    out: VecDeque<Effect>,
}

impl Outbox {
    /// Takes back a row; one that cannot be read is forgotten.
    pub(crate) fn restore(&mut self, key: &[u8], value: &[u8], now: Time) {
        let (Ok(id), Ok(row)) = (key.try_into(), minicbor::decode::<Row>(value)) else { return };
        self.seq = self.seq.max(row.seq);
        let queue = &mut self.friends.entry(row.to).or_default().queue;
        let place = queue.partition_point(|item| item.row.seq < row.seq);
        queue
            .insert(place, Item { id: MsgId(id), row, since: now, tries: 0, sealing: false, again_at: None });
    }

    pub(crate) fn handle(&mut self, act: Act, now: Time) {
        match act {
            Act::Say { id, to, name, text, sent, echo } => {
                let row = Row { to, name, seq: 0, sent_ms: sent.0, text, copies: Vec::new() };
                self.say(id, row, echo, now);
            }
            Act::Reachable(to, here) => self.reachable(to, here, now),
            Act::Keyed(to) => {
                self.friends.entry(to).or_default().keyed = true;
                self.pump(to, now);
            }
            Act::Sealed { id, to, copies } => self.sealed(id, to, copies, now),
            Act::Received(from, id) => self.received(from, id, now),
            Act::Refused(id, why) => self.refused(id, why, now),
            Act::Part(to) => self.part(to),
            Act::Timeout => self.timeout(now),
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Effect> {
        self.out.pop_front()
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        self.friends.values().filter_map(Friend::deadline).min()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.friends.values().all(|f| f.queue.is_empty())
    }

    /// Whether a text waits for this friend.
    pub(crate) fn waits_for(&self, to: &Fingerprint) -> bool {
        self.friends.get(to).is_some_and(|f| !f.queue.is_empty())
    }

    fn say(&mut self, id: MsgId, mut row: Row, echo: u64, now: Time) {
        // Follows the wall clock, so that it rises over restarts without a row of its own.
        self.seq = row.sent_ms.max(self.seq + 1);
        row.seq = self.seq;
        let (to, name) = (row.to, row.name.clone());
        let friend = self.friends.entry(to).or_default();
        if friend.queue.len() >= OUTBOX_PER_FRIEND_MAX {
            return self.out.push_back(Effect::Full { to: name, echo });
        }
        let item = Item { id, row, since: now, tries: 0, sealing: false, again_at: None };
        self.out.push_back(item.save());
        friend.queue.push_back(item);
        self.out.push_back(Effect::Kept { to: name, id, echo });
        self.pump(to, now);
    }

    fn reachable(&mut self, to: Fingerprint, here: bool, now: Time) {
        let known = self.friends.get(&to).is_some_and(|f| f.here_since.is_some());
        if here == known {
            return;
        }
        let friend = self.friends.entry(to).or_default();
        friend.here_since = here.then_some(now);
        for item in &mut friend.queue {
            item.again_at = None;
        }
        self.pump(to, now);
    }

    /// Moves the first text of this friend as far as it can go.
    fn pump(&mut self, to: Fingerprint, now: Time) {
        let Some(friend) = self.friends.get_mut(&to) else { return };
        let (true, Some(item)) = (friend.here_since.is_some(), friend.queue.front_mut()) else { return };
        if item.row.copies.is_empty() {
            if friend.keyed && !item.sealing {
                item.sealing = true;
                let (seq, sent, text) = (item.row.seq, Wall(item.row.sent_ms), item.row.text.clone());
                self.out.push_back(Effect::Seal { id: item.id, to, seq, sent, text });
            }
            return;
        }
        if item.again_at.is_some_and(|at| at > now) {
            return;
        }
        item.tries += 1;
        item.again_at =
            Some(now + RESEND_AFTER.saturating_mul(1 << (item.tries / RESEAL_AFTER_TRIES).min(4)));
        self.out.push_back(Effect::Send { id: item.id, to, copies: item.row.copies.clone() });
    }

    fn sealed(&mut self, id: MsgId, to: Fingerprint, copies: Vec<Copy>, now: Time) {
        let Some(friend) = self.friends.get_mut(&to) else { return };
        friend.keyed = !copies.is_empty();
        let Some(item) = friend.queue.front_mut().filter(|item| item.id == id) else { return };
        item.sealing = false;
        if copies.is_empty() {
            return;
        }
        item.row.copies = copies;
        item.again_at = None;
        self.out.push_back(item.save());
        self.pump(to, now);
    }

    fn received(&mut self, from: Fingerprint, id: MsgId, now: Time) {
        self.finish(from, id, MessageState::Delivered);
        self.pump(from, now);
    }

    fn refused(&mut self, id: MsgId, why: Why, now: Time) {
        let holder = self.friends.iter().find(|(_, f)| f.queue.iter().any(|item| item.id == id));
        let Some(to) = holder.map(|(to, _)| *to) else { return };
        self.finish(to, id, MessageState::Failed(why));
        self.pump(to, now);
    }

    fn finish(&mut self, to: Fingerprint, id: MsgId, state: MessageState) {
        let Some(friend) = self.friends.get_mut(&to) else { return };
        let Some(place) = friend.queue.iter().position(|item| item.id == id) else { return };
        if let Some(item) = friend.queue.remove(place) {
            self.out.push_back(Effect::Save { id, value: None });
            self.out.push_back(Effect::Tell { to: item.row.name, id, state });
        }
    }

    fn part(&mut self, to: Fingerprint) {
        let Some(friend) = self.friends.remove(&to) else { return };
        for item in friend.queue {
            self.out.push_back(Effect::Save { id: item.id, value: None });
            let state = MessageState::Failed(Why::NotContact);
            self.out.push_back(Effect::Tell { to: item.row.name, id: item.id, state });
        }
    }

    fn timeout(&mut self, now: Time) {
        let due = |f: &Friend| f.deadline().is_some_and(|at| at <= now);
        let due: Vec<_> = self.friends.iter().filter(|(_, f)| due(f)).map(|(to, _)| *to).collect();
        for to in due {
            self.give_up_unsealed(to, now);
            self.reseal(to);
            self.pump(to, now);
        }
    }

    /// Both are online and yet no session came in time.
    fn give_up_unsealed(&mut self, to: Fingerprint, now: Time) {
        let Some(friend) = self.friends.get(&to) else { return };
        let late = |item: &&Item| friend.session_late(item).is_some_and(|at| at <= now);
        let late: Vec<_> = friend.queue.iter().filter(late).map(|item| item.id).collect();
        for id in late {
            self.finish(to, id, MessageState::Failed(Why::Other));
        }
    }

    /// After several unanswered tries the session is taken for broken.
    fn reseal(&mut self, to: Fingerprint) {
        let Some(friend) = self.friends.get_mut(&to) else { return };
        let Some(item) = friend.queue.front_mut() else { return };
        if item.tries > 0 && item.tries.is_multiple_of(RESEAL_AFTER_TRIES) && !item.row.copies.is_empty() {
            item.row.copies.clear();
            item.since = item.again_at.unwrap_or(item.since);
            self.out.push_back(Effect::Renew(to));
        }
    }

    /// What must always hold.
    pub(crate) fn check_invariants(&self) -> Result<(), String> {
        for friend in self.friends.values() {
            if friend.queue.len() > OUTBOX_PER_FRIEND_MAX {
                return Err("an outbox is beyond its limit".into());
            }
            if !friend.queue.iter().is_sorted_by(|a, b| a.row.seq < b.row.seq) {
                return Err("an outbox is out of order".into());
            }
        }
        Ok(())
    }
}

impl Friend {
    fn deadline(&self) -> Option<Time> {
        self.here_since?;
        let head = self.queue.front()?;
        let again = head.again_at.filter(|_| !head.row.copies.is_empty());
        earliest(again, self.queue.iter().filter_map(|item| self.session_late(item)).min())
    }

    /// When this text has waited for a session long enough.
    fn session_late(&self, item: &Item) -> Option<Time> {
        let here_since = self.here_since?;
        (item.row.copies.is_empty() && !self.keyed).then(|| item.since.max(here_since) + SESSION_WAIT_MAX)
    }
}

impl Item {
    fn save(&self) -> Effect {
        let value = minicbor::to_vec(&self.row).expect("a record of ours always encodes");
        Effect::Save { id: self.id, value: Some(value) }
    }
}

#[cfg(test)]
mod tests {
    use minicbor::bytes::ByteVec;

    use super::*;
    use crate::id::DeviceId;
    use crate::wire::record::Sealed;

    const BOB: Fingerprint = Fingerprint([2; 32]);

    fn say(outbox: &mut Outbox, n: u8, now: Time) {
        let (name, id) = (Name::parse("bob").unwrap(), MsgId([n; 16]));
        let act = Act::Say { id, to: BOB, name, text: format!("text {n}"), sent: Wall(1_000), echo: 0 };
        outbox.handle(act, now);
    }

    fn copies(n: u8) -> Vec<Copy> {
        let sealed = Sealed { kind: 1, bytes: ByteVec::from(vec![n]) };
        vec![Copy { device: DeviceId([9; 16]), sealed }]
    }

    type Sent = Vec<(MsgId, Vec<Copy>)>;

    /// Runs until nothing more comes, sealing whatever is asked for; returns what was sent.
    fn settle(outbox: &mut Outbox, now: Time) -> (Sent, Vec<(MsgId, MessageState)>) {
        let (mut sent, mut told) = (Vec::new(), Vec::new());
        while let Some(effect) = outbox.poll() {
            match effect {
                Effect::Seal { id, to, .. } => {
                    outbox.handle(Act::Sealed { id, to, copies: copies(id.0[0]) }, now);
                }
                Effect::Send { id, copies, .. } => sent.push((id, copies)),
                Effect::Tell { id, state, .. } => told.push((id, state)),
                Effect::Save { .. } | Effect::Kept { .. } | Effect::Renew(_) | Effect::Full { .. } => {}
            }
            outbox.check_invariants().unwrap();
        }
        (sent, told)
    }

    fn open() -> Outbox {
        let mut outbox = Outbox::default();
        outbox.handle(Act::Reachable(BOB, true), Time::ZERO);
        outbox.handle(Act::Keyed(BOB), Time::ZERO);
        outbox
    }

    #[test]
    fn waits_while_the_friend_is_away_and_goes_when_they_come() {
        let mut outbox = Outbox::default();
        outbox.handle(Act::Keyed(BOB), Time::ZERO);
        say(&mut outbox, 1, Time::ZERO);
        assert!(settle(&mut outbox, Time::ZERO).0.is_empty());
        assert_eq!(outbox.deadline(), None, "nothing ticks for somebody who is away");
        outbox.handle(Act::Reachable(BOB, true), Time::secs(9));
        assert_eq!(settle(&mut outbox, Time::secs(9)).0.len(), 1);
    }

    #[test]
    fn one_at_a_time_in_order() {
        let mut outbox = open();
        say(&mut outbox, 1, Time::ZERO);
        say(&mut outbox, 2, Time::ZERO);
        assert_eq!(settle(&mut outbox, Time::ZERO).0, [(MsgId([1; 16]), copies(1))]);
        outbox.handle(Act::Received(BOB, MsgId([1; 16])), Time::ms(1));
        let (sent, told) = settle(&mut outbox, Time::ms(1));
        assert_eq!(sent, [(MsgId([2; 16]), copies(2))]);
        assert_eq!(told, [(MsgId([1; 16]), MessageState::Delivered)]);
        outbox.handle(Act::Received(BOB, MsgId([2; 16])), Time::ms(2));
        settle(&mut outbox, Time::ms(2));
        assert!(outbox.is_empty());
    }

    #[test]
    fn retries_are_the_same_bytes_until_the_session_is_given_up() {
        let mut outbox = open();
        say(&mut outbox, 1, Time::ZERO);
        let first = settle(&mut outbox, Time::ZERO).0;
        for _ in 1..RESEAL_AFTER_TRIES {
            let at = outbox.deadline().unwrap();
            outbox.handle(Act::Timeout, at);
            assert_eq!(settle(&mut outbox, at).0, first);
        }
        let at = outbox.deadline().unwrap();
        outbox.handle(Act::Timeout, at);
        assert!(matches!(outbox.poll(), Some(Effect::Renew(BOB))));
        assert_eq!(settle(&mut outbox, at).0.len(), 1, "sealed anew and sent");
    }

    #[test]
    fn without_a_session_it_fails_in_time_and_says_so() {
        let mut outbox = Outbox::default();
        outbox.handle(Act::Reachable(BOB, true), Time::ZERO);
        say(&mut outbox, 1, Time::secs(1));
        settle(&mut outbox, Time::secs(1));
        let at = outbox.deadline().unwrap();
        assert_eq!(at, Time::secs(1) + SESSION_WAIT_MAX);
        outbox.handle(Act::Timeout, at);
        assert_eq!(settle(&mut outbox, at).1, [(MsgId([1; 16]), MessageState::Failed(Why::Other))]);
        assert!(outbox.is_empty());
    }

    #[test]
    fn rows_bring_everything_back_in_order() {
        let mut outbox = Outbox::default();
        for n in 1..=3 {
            say(&mut outbox, n, Time::ZERO);
        }
        let mut rows = Vec::new();
        while let Some(effect) = outbox.poll() {
            if let Effect::Save { id, value: Some(value) } = effect {
                rows.push((id, value));
            }
        }
        let mut again = Outbox::default();
        for (id, value) in rows.iter().rev() {
            again.restore(&id.0, value, Time::secs(5));
        }
        again.check_invariants().unwrap();
        again.handle(Act::Reachable(BOB, true), Time::secs(5));
        again.handle(Act::Keyed(BOB), Time::secs(5));
        assert_eq!(settle(&mut again, Time::secs(5)).0, [(MsgId([1; 16]), copies(1))]);
    }

    /// Sealing anew would move the ratchet on, and show the friend the text under other bytes.
    #[test]
    fn what_was_sealed_is_kept_before_it_is_sent_and_is_the_same_after_a_restart() {
        let mut outbox = open();
        say(&mut outbox, 1, Time::ZERO);
        let mut kept = None;
        let sent = loop {
            match outbox.poll().expect("it is sent") {
                Effect::Seal { id, to, .. } => {
                    outbox.handle(Act::Sealed { id, to, copies: copies(7) }, Time::ZERO);
                }
                Effect::Save { value, .. } => kept = value,
                Effect::Send { copies, .. } => break copies,
                Effect::Tell { .. } | Effect::Kept { .. } | Effect::Renew(_) | Effect::Full { .. } => {}
            }
        };
        let mut again = Outbox::default();
        again.restore(&[1; 16], &kept.expect("it was kept"), Time::secs(5));
        again.handle(Act::Reachable(BOB, true), Time::secs(5));
        again.handle(Act::Keyed(BOB), Time::secs(5));
        assert_eq!(settle(&mut again, Time::secs(5)).0, [(MsgId([1; 16]), sent)]);
    }

    #[test]
    fn the_queue_has_its_ceiling() {
        let mut outbox = Outbox::default();
        for _ in 0..=OUTBOX_PER_FRIEND_MAX {
            say(&mut outbox, 1, Time::ZERO);
        }
        let mut full = 0;
        while let Some(effect) = outbox.poll() {
            full += usize::from(matches!(effect, Effect::Full { .. }));
        }
        assert_eq!(full, 1);
    }
}
