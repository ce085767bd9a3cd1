//! The running client's own door: a 0600 socket by which programs of the same user ask it for something, since one
//! profile has one client. The words are those of `control`, one line each way.
//!
//! Nobody outside holds up the screen: nothing here waits, a visitor has one request under way, and whoever does not
//! take their answer is shown out. Promises of bounds: [`VISITORS_MAX`] at once, of whom the oldest that wants
//! nothing makes room; [`VISITOR_BYTES_MAX`] in a line; one request of each in a turn of the loop.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, Permissions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream as Blocking;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use mio::net::{UnixListener, UnixStream};
use mio::{Interest, Registry, Token};
use serde_json::Value;

use crate::control::{Reply, Request, Visitor, refused};
use crate::limits::{ANSWER_BYTES_MAX, VISITOR_BYTES_MAX, VISITORS_MAX};

mod peer;

/// The door, and who stands in it.
#[derive(Debug)]
pub struct Door {
    listener: UnixListener,
    path: PathBuf,
    first: usize,
    guests: BTreeMap<Token, Guest>,
    /// Guests so far.
    counted: u64,
    asked: VecDeque<(Visitor, Request)>,
}

/// One connection.
#[derive(Debug)]
struct Guest {
    id: Visitor,
    stream: UnixStream,
    said: Vec<u8>,
    /// A request of theirs is not answered yet.
    waits: bool,
    /// They will say nothing more.
    ended: bool,
}

/// What a guest says.
enum Said {
    /// Nothing yet.
    Nothing,
    Request(Request),
    Nonsense(Reply),
    Goodbye,
}

impl Door {
    /// Tokens a door takes: one for itself and one for each visitor.
    pub const TOKENS: usize = 1 + VISITORS_MAX;

    /// Opens the door at `path`, under the tokens from `first` on. What was left there by a client that was killed
    /// is removed: the caller holds the profile's lock.
    ///
    /// # Errors
    /// When there can be no socket there.
    pub fn open(path: &Path, registry: &Registry, first: usize) -> io::Result<Self> {
        match fs::remove_file(path) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
            Ok(()) | Err(_) => {}
        }
        let mut listener = UnixListener::bind(path)?;
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        registry.register(&mut listener, Token(first), Interest::READABLE)?;
        let (guests, asked) = (BTreeMap::new(), VecDeque::new());
        Ok(Self { listener, path: path.to_owned(), first, guests, counted: 0, asked })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Something happened at the door.
    pub fn ready(&mut self, registry: &Registry, token: Token) {
        if token.0 == self.first {
            return self.let_in(registry);
        }
        self.listen(registry, token);
    }

    fn let_in(&mut self, registry: &Registry) {
        while let Ok((mut stream, _)) = self.listener.accept() {
            // The mode of the socket says so already; not every system heeds it.
            if !peer::is_ours(stream.as_raw_fd()) {
                continue;
            }
            let Some(token) = self.room(registry) else { continue };
            if registry.register(&mut stream, token, Interest::READABLE).is_ok() {
                self.counted += 1;
                let id = Visitor(self.counted);
                self.guests.insert(token, Guest { id, stream, said: Vec::new(), waits: false, ended: false });
                // The line may have come before the registration, and readiness is told once.
                self.listen(registry, token);
            }
        }
    }

    /// A free place. Whoever came first and wants nothing makes room; none when all wait for an answer.
    fn room(&mut self, registry: &Registry) -> Option<Token> {
        let mut places = (self.first + 1..=self.first + VISITORS_MAX).map(Token);
        if let Some(free) = places.find(|token| !self.guests.contains_key(token)) {
            return Some(free);
        }
        let idle = self.guests.iter().filter(|(_, guest)| !guest.waits);
        let (&oldest, _) = idle.min_by_key(|(_, guest)| guest.id)?;
        self.show_out(registry, oldest);
        Some(oldest)
    }

    fn listen(&mut self, registry: &Registry, token: Token) {
        let Some(guest) = self.guests.get_mut(&token).filter(|guest| !guest.waits) else { return };
        match guest.listen() {
            Said::Nothing => {}
            Said::Request(request) => {
                guest.waits = true;
                self.asked.push_back((guest.id, request));
            }
            Said::Nonsense(reply) => {
                guest.tell(&reply);
                self.show_out(registry, token);
            }
            Said::Goodbye => self.show_out(registry, token),
        }
    }

    fn show_out(&mut self, registry: &Registry, token: Token) {
        if let Some(mut guest) = self.guests.remove(&token) {
            let _ = registry.deregister(&mut guest.stream);
        }
    }

    /// Whether somebody wants something.
    pub fn is_asked(&self) -> bool {
        !self.asked.is_empty()
    }

    /// What somebody wants.
    pub fn poll(&mut self) -> Option<(Visitor, Request)> {
        self.asked.pop_front()
    }

    /// Answers a visitor, who may ask again.
    pub fn answer(&mut self, registry: &Registry, who: Visitor, reply: &Reply) {
        let Some((&token, guest)) = self.guests.iter_mut().find(|(_, guest)| guest.id == who) else { return };
        guest.waits = false;
        if guest.tell(reply) {
            self.listen(registry, token);
        } else {
            self.show_out(registry, token);
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Guest {
    /// The next thing they say.
    fn listen(&mut self) -> Said {
        let mut chunk = [0; VISITOR_BYTES_MAX];
        loop {
            if let Some(end) = self.said.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.said.drain(..=end).collect();
                return Request::parse(&line).map_or_else(Said::Nonsense, Said::Request);
            }
            if self.said.len() >= VISITOR_BYTES_MAX {
                let most = format!("a request is one line of at most {VISITOR_BYTES_MAX} bytes");
                return Said::Nonsense(refused("malformed", &most));
            }
            if self.ended {
                return Said::Goodbye;
            }
            let room = VISITOR_BYTES_MAX - self.said.len();
            match self.stream.read(&mut chunk[..room]) {
                Ok(0) => self.ended = true,
                Ok(count) => self.said.extend_from_slice(&chunk[..count]),
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => return Said::Nothing,
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Said::Goodbye,
            }
        }
    }

    /// Tells them; false when they do not take it, which takes a full buffer: they have not read for long.
    fn tell(&mut self, reply: &Reply) -> bool {
        let line = format!("{}\n", reply.line());
        self.stream.write(line.as_bytes()).is_ok_and(|taken| taken == line.len())
    }
}

/// What came of asking a client that should be running.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// Nobody is there.
    Nobody,
    /// Its reply.
    Said(Value),
}

/// Why there may be no answer in time.
const STOPPED: &str =
    "the running tincan does not answer: is it stopped (^Z)? fg in its terminal lets it go on";

/// Asks the running client behind `path`, and waits for its reply for at most `patience`.
///
/// # Errors
/// When it does not answer.
pub fn ask(path: &Path, request: Request, patience: Duration) -> anyhow::Result<Asked> {
    let what = "asking the running tincan";
    // Without waiting: where a stopped client has a full door, this would wait until it goes on.
    let mut stream = match UnixStream::connect(path) {
        Ok(stream) => Blocking::from(stream),
        Err(why) if matches!(why.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(Asked::Nobody);
        }
        Err(why) if why.kind() == io::ErrorKind::WouldBlock => bail!(STOPPED),
        Err(why) => return Err(why).context(what),
    };
    stream.set_nonblocking(false).context(what)?;
    stream.set_read_timeout(Some(patience)).context(what)?;
    stream.write_all(format!("{}\n", request.line()).as_bytes()).context(what)?;
    let mut line = String::new();
    match BufReader::new(stream.take(ANSWER_BYTES_MAX)).read_line(&mut line) {
        Err(why) if matches!(why.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
            bail!(STOPPED)
        }
        outcome => outcome.context(what)?,
    };
    match serde_json::from_str(&line) {
        Ok(said) => Ok(Asked::Said(said)),
        Err(_) => bail!("the running tincan did not answer: try again"),
    }
}

#[cfg(test)]
mod tests;
