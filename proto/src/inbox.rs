//! Which texts came already: the same id is shown once, over restarts too, however often it is sent.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::id::{Fingerprint, MsgId};
use crate::limits::SEEN_IDS_PER_FRIEND_MAX;

/// A row to write or delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Sender's fingerprint, then the id.
    pub(crate) key: Vec<u8>,
    /// The order of arrival; none deletes.
    pub(crate) value: Option<Vec<u8>>,
}

#[derive(Debug, Default)]
struct Seen {
    ids: BTreeSet<MsgId>,
    /// The oldest first, with its place.
    order: VecDeque<(u64, MsgId)>,
}

/// The ids of one client's friends.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    friends: BTreeMap<Fingerprint, Seen>,
    next: u64,
}

impl Inbox {
    /// Takes back a row; one that cannot be read is forgotten.
    pub(crate) fn restore(&mut self, key: &[u8], value: &[u8]) {
        let Some((from, id)) = key.split_first_chunk::<32>() else { return };
        let (Ok(id), Ok(place)) = (id.try_into().map(MsgId), value.try_into().map(u64::from_be_bytes)) else {
            return;
        };
        self.next = self.next.max(place + 1);
        let seen = self.friends.entry(Fingerprint(*from)).or_default();
        if seen.ids.insert(id) {
            let at = seen.order.partition_point(|(p, _)| *p < place);
            seen.order.insert(at, (place, id));
        }
    }

    /// Whether this text was shown already.
    pub(crate) fn has(&self, from: &Fingerprint, id: &MsgId) -> bool {
        self.friends.get(from).is_some_and(|seen| seen.ids.contains(id))
    }

    /// Remembers it; the oldest id of this friend goes when there are too many.
    pub(crate) fn note(&mut self, from: Fingerprint, id: MsgId) -> Vec<Row> {
        let seen = self.friends.entry(from).or_default();
        if !seen.ids.insert(id) {
            return Vec::new();
        }
        seen.order.push_back((self.next, id));
        let mut rows = vec![Row { key: key(&from, &id), value: Some(self.next.to_be_bytes().into()) }];
        self.next += 1;
        if seen.order.len() > SEEN_IDS_PER_FRIEND_MAX
            && let Some((_, oldest)) = seen.order.pop_front()
        {
            seen.ids.remove(&oldest);
            rows.push(Row { key: key(&from, &oldest), value: None });
        }
        rows
    }

    /// Forgets a friend who is no contact any more.
    pub(crate) fn part(&mut self, from: &Fingerprint) -> Vec<Row> {
        let seen = self.friends.remove(from).unwrap_or_default();
        seen.ids.iter().map(|id| Row { key: key(from, id), value: None }).collect()
    }
}

fn key(from: &Fingerprint, id: &MsgId) -> Vec<u8> {
    [from.0.as_slice(), &id.0].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOB: Fingerprint = Fingerprint([2; 32]);

    fn id(n: u32) -> MsgId {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&n.to_be_bytes());
        MsgId(id)
    }

    #[test]
    fn an_id_is_new_once_and_per_friend() {
        let mut inbox = Inbox::default();
        assert_eq!(inbox.note(BOB, id(1)).len(), 1);
        assert!(inbox.has(&BOB, &id(1)) && !inbox.has(&Fingerprint([3; 32]), &id(1)));
        assert!(inbox.note(BOB, id(1)).is_empty());
    }

    #[test]
    fn memory_and_rows_stay_bounded_together() {
        let mut inbox = Inbox::default();
        let mut rows = BTreeMap::new();
        for n in 0..u32::try_from(SEEN_IDS_PER_FRIEND_MAX).unwrap() + 10 {
            for row in inbox.note(BOB, id(n)) {
                match row.value {
                    Some(value) => drop(rows.insert(row.key, value)),
                    None => drop(rows.remove(&row.key)),
                }
            }
        }
        assert_eq!(rows.len(), SEEN_IDS_PER_FRIEND_MAX);
        let mut again = Inbox::default();
        rows.iter().for_each(|(key, value)| again.restore(key, value));
        assert!(!again.has(&BOB, &id(9)) && again.has(&BOB, &id(10)));
        // The oldest goes first after a restart, too.
        again.note(BOB, id(1_000_000));
        assert!(!again.has(&BOB, &id(10)) && again.has(&BOB, &id(11)));
    }

    #[test]
    fn junk_rows_are_ignored() {
        let mut inbox = Inbox::default();
        inbox.restore(b"short", b"");
        inbox.restore(&[0; 48], b"long or short");
        assert!(inbox.friends.is_empty());
    }
}
