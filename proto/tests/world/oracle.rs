//! What must be true in every run, whatever the weather and whoever is about.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use proto::Time;
use proto::hub::{Hub, Mem};
use proto::id::{Name, Ssrc};
use proto::relay::Relay;

use super::user::{Chair, User, spoken};

/// The judge, and what it has seen.
#[derive(Default)]
pub struct Oracle {
    /// Pairs that were taken apart at some time: texts between them may stay undelivered.
    removed: BTreeSet<(String, String)>,
    /// The highest frame heard, by listener and stream: no frame is ever heard twice.
    heard: BTreeMap<(usize, Ssrc), BTreeSet<u64>>,
    /// What each speaker had spoken when a listener said yes to a call: nothing of it is theirs to hear.
    before: BTreeMap<(usize, usize), u64>,
    /// Frames heard, in all.
    pub frames_heard: u64,
    /// Messages with requests shown, in all.
    pub greetings_shown: u64,
    /// Texts shown, in all.
    pub texts_shown: u64,
    /// Sealed voice and report packets sent, in all.
    pub media_sent: u64,
}

impl Oracle {
    /// Somebody removed a contact: what was under way between the two may fail.
    pub fn removed(&mut self, user: usize, other: &Name) {
        let me = format!("user{user}");
        self.removed.insert((me.clone(), other.folded()));
        self.removed.insert((other.folded(), me));
    }

    /// A machine crashed.
    pub fn crashed(&mut self, user: usize) {
        self.heard.retain(|(listener, _), _| *listener != user);
        self.before.retain(|(_, speaker), _| *speaker != user);
    }

    /// A human says yes to a call, or calls.
    pub fn says_yes(&mut self, listener: usize, speaker: usize, spoken: u64) {
        self.before.insert((listener, speaker), spoken);
    }

    /// Whether this listener has heard anything.
    pub fn hears(&self, listener: usize) -> bool {
        self.heard.iter().any(|((who, _), frames)| *who == listener && !frames.is_empty())
    }

    /// No byte that the server sees holds a plaintext.
    pub fn stream(&self, bytes: &[u8]) {
        no_secret(bytes, "a stream");
    }

    /// Only somebody who said yes sends sound; nothing that leaves is plain. The goodbyes of the call before were
    /// sealed while it was up, and may still be on their way out when the next one rings.
    pub fn datagram(&mut self, user: &User, bytes: &[u8], now: Time) {
        no_secret(bytes, "a datagram");
        let Some(m) = &user.machine else { return };
        let media = bytes.first().is_some_and(|b| (128..192).contains(b));
        self.media_sent += u64::from(media);
        let still = if bytes.get(1) == Some(&97) { Duration::from_millis(300) } else { Duration::ZERO };
        assert!(
            !media || now <= m.left_at + still || !matches!(m.chair, Chair::Ringing(_)),
            "{} sends sealed sound while it rings: {:02x?} at {now:?}, the last call ended at {:?}",
            user.name,
            &bytes[..12],
            m.left_at
        );
    }

    /// A frame is heard by its listener once, spoken by somebody in the listener's call, after the listener's yes.
    pub fn played(
        &mut self,
        listener: &User,
        chair: &Chair,
        with: &BTreeSet<String>,
        ssrc: Ssrc,
        frame: &[u8],
    ) {
        let (speaker, n) = spoken(frame).expect("only what was spoken is heard");
        assert_ne!(speaker, listener.index, "nobody hears themselves");
        match chair {
            // Their yes reaches a caller a moment before its screen says so.
            Chair::Live(_) | Chair::Answered(_) | Chair::Placing(_) => {}
            Chair::Idle | Chair::Ringing(_) => {
                panic!("{} hears user{speaker} while {chair:?}", listener.name)
            }
        }
        assert!(
            with.contains(&format!("user{speaker}")),
            "{} hears user{speaker}, a stranger",
            listener.name
        );
        let before = self.before.get(&(listener.index, speaker)).copied().unwrap_or(0);
        assert!(n >= before, "{} hears frame {n} of user{speaker}, from before the yes", listener.name);
        let fresh = self.heard.entry((listener.index, ssrc)).or_default().insert(n);
        assert!(fresh, "{} hears frame {n} of user{speaker} twice", listener.name);
        self.frames_heard += 1;
    }

    /// At any time: no text twice, none out of order, none that was not said; devices are open only after a yes;
    /// the server's tables agree.
    pub fn any_time(&mut self, users: &[User], server: Option<(&Hub, &Mem)>) {
        for user in users {
            if let Some(m) = &user.machine {
                assert_eq!(m.client.check(), Ok(()));
                assert!(
                    !m.devices_open || !matches!(m.chair, Chair::Ringing(_)),
                    "{} has a microphone open while it rings",
                    user.name
                );
            }
            for other in users {
                in_order(user, other);
            }
        }
        if let Some((hub, store)) = server {
            assert_eq!(hub.check(), Ok(()));
            let memory = format!("{store:?}");
            assert!(!memory.contains("SECRET-"), "a plaintext in the database");
        }
    }

    /// After the calm: every text between friends was shown and its sender knows; nobody is in a call; no devices
    /// are open.
    pub fn at_rest(&mut self, users: &[User]) {
        self.any_time(users, None);
        for from in users {
            let m = from.machine.as_ref().expect("everybody is up when all is calm");
            assert!(m.online, "{} is online when all is calm", from.name);
            assert_eq!(m.chair, Chair::Idle, "{} is in no call when all is calm", from.name);
            assert!(!m.devices_open, "{} has no devices open", from.name);
            for to in users {
                self.all_arrived(from, to);
            }
        }
        self.greetings_shown = users.iter().map(|u| u.greetings).sum();
        self.texts_shown = users.iter().map(|u| u.shown.len() as u64).sum();
    }

    fn all_arrived(&self, from: &User, to: &User) {
        let pair = (from.name.folded(), to.name.folded());
        if self.removed.contains(&pair) {
            return;
        }
        let shown: BTreeSet<&str> =
            to.shown.iter().filter(|l| l.from == from.name).map(|l| l.text.as_str()).collect();
        for (text, id) in from.said.get(&pair.1).into_iter().flatten() {
            // A line whose outbox entry was never saved was never acknowledged either.
            let Some(id) = id else { continue };
            assert!(shown.contains(text.as_str()), "{} never saw {text:?}", to.name);
            assert!(from.delivered.contains(id), "{} was never told of {text:?}", from.name);
        }
    }
}

/// The lines `to` saw of `from` are among those said, in the order said, none twice.
fn in_order(from: &User, to: &User) {
    let empty = Vec::new();
    let said = from.said.get(&to.name.folded()).unwrap_or(&empty);
    let mut rest = said.iter();
    for line in to.shown.iter().filter(|l| l.from == from.name) {
        assert!(
            rest.any(|(text, _)| *text == line.text),
            "{} saw {:?} of {} twice, out of order or never said",
            to.name,
            line.text,
            from.name
        );
    }
}

fn no_secret(bytes: &[u8], place: &str) {
    let secret = b"SECRET-";
    assert!(!bytes.windows(secret.len()).any(|w| w == secret), "a plaintext in {place}");
}

/// After everybody left, everything is empty.
pub fn empty(hub: &Hub, relay: &Relay) {
    assert!(hub.is_idle(), "the hub remembers somebody who left");
    assert_eq!(relay.occupancy(), (0, 0), "the relay remembers somebody who left");
}
