//! Connections that we closed, until the other end has closed them, too. A socket that is dropped with bytes unread
//! resets the connection, and the original programs of the plain protocols do not survive sending to a peer that did.
//! So ours says first that nothing more comes, and reads what is still said until the end or for a short time.
//!
//! No poll watches them: they are looked at again after a while.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _};
use std::net::Shutdown;

use mio::net::TcpStream;
use proto::Time;

use crate::limits::{PARTING_LOOK, PARTING_TIME_MAX, PARTINGS_MAX, READ_PER_TURN_MAX};

/// All of one owner, the oldest first.
#[derive(Default)]
pub struct Partings {
    leaving: VecDeque<Leaving>,
    /// The next look; none for at once.
    look_at: Option<Time>,
}

struct Leaving {
    stream: TcpStream,
    /// The other end was told that nothing more comes.
    told: bool,
    /// Dropped then; none before the first look.
    until: Option<Time>,
}

impl Partings {
    /// Takes one that is registered nowhere any more.
    pub fn push(&mut self, stream: TcpStream) {
        if self.leaving.len() >= PARTINGS_MAX {
            self.leaving.pop_front();
        }
        let mut leaving = Leaving { stream, told: false, until: None };
        if leaving.go_on() {
            self.leaving.push_back(leaving);
            self.look_at = None;
        }
    }

    /// Looks after them.
    pub fn timeout(&mut self, now: Time) {
        if self.look_at.is_some_and(|at| now < at) {
            return;
        }
        self.leaving.retain_mut(|leaving| {
            let until = *leaving.until.get_or_insert(now + PARTING_TIME_MAX);
            leaving.go_on() && now < until
        });
        self.look_at = Some(now + PARTING_LOOK);
    }

    /// When [`Partings::timeout`] is due.
    pub fn deadline(&self) -> Option<Time> {
        (!self.leaving.is_empty()).then_some(self.look_at.unwrap_or(Time::ZERO))
    }

    /// Whether all are closed.
    pub fn is_empty(&self) -> bool {
        self.leaving.is_empty()
    }
}

impl Leaving {
    /// False once there is nothing to wait for.
    fn go_on(&mut self) -> bool {
        // One that is still being made is closed when it is there: a reset then would be as bad.
        if !self.told && self.stream.peer_addr().is_ok() {
            self.told = true;
            if self.stream.shutdown(Shutdown::Write).is_err() {
                return false;
            }
        }
        let mut chunk = [0; 4 << 10];
        let mut budget = READ_PER_TURN_MAX;
        while budget > 0 {
            match self.stream.read(&mut chunk) {
                Ok(0) => return false,
                Ok(count) => budget = budget.saturating_sub(count),
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(why) => return why.kind() == ErrorKind::WouldBlock,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::net::{Ipv4Addr, TcpListener, TcpStream as StdStream};

    /// One of ours, and the other end.
    fn pair() -> (TcpStream, StdStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let ours = StdStream::connect(listener.local_addr().unwrap()).unwrap();
        ours.set_nonblocking(true).unwrap();
        (TcpStream::from_std(ours), listener.accept().unwrap().0)
    }

    #[test]
    fn the_other_end_reads_the_end_and_no_reset_whatever_it_said() {
        let (ours, mut theirs) = pair();
        theirs.write_all(b"10 bob").unwrap();
        let mut partings = Partings::default();
        partings.push(ours);
        assert_eq!(theirs.read(&mut [0; 8]).unwrap(), 0);
        // They have not seen it yet, and go on: a reset would answer the first, and the second would fail.
        for _ in 0..3 {
            theirs.write_all(b"10 carol").unwrap();
            partings.timeout(partings.deadline().unwrap());
        }
        assert!(theirs.take_error().unwrap().is_none());
        drop(theirs);
        partings.timeout(partings.deadline().unwrap());
        assert!(partings.is_empty() && partings.deadline().is_none());
    }

    #[test]
    fn nobody_is_waited_for_for_ever_and_nobody_piles_up() {
        let pairs: Vec<_> = (0..PARTINGS_MAX + 3).map(|_| pair()).collect();
        let mut partings = Partings::default();
        let mut theirs = Vec::new();
        for (ours, other) in pairs {
            partings.push(ours);
            theirs.push(other);
        }
        assert_eq!(partings.leaving.len(), PARTINGS_MAX);
        assert_eq!(partings.deadline(), Some(Time::ZERO));
        partings.timeout(Time::secs(1));
        assert_eq!(partings.deadline(), Some(Time::secs(1) + PARTING_LOOK));
        partings.timeout(Time::secs(1) + PARTING_TIME_MAX);
        assert!(partings.is_empty());
    }

    #[test]
    fn one_that_is_still_being_made_is_no_different() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut partings = Partings::default();
        partings.push(TcpStream::connect(listener.local_addr().unwrap()).unwrap());
        let mut theirs = listener.accept().unwrap().0;
        partings.timeout(Time::ZERO);
        assert_eq!(theirs.read(&mut [0]).unwrap(), 0);
        // And one that cannot be made is nothing to wait for.
        let nobody = listener.local_addr().unwrap();
        drop((listener, theirs));
        partings.push(TcpStream::connect(nobody).unwrap());
        while let Some(due) = partings.deadline() {
            partings.timeout(due);
        }
    }
}
