//! The running client's own door: a 0600 socket by which `tincan invite` asks it for a link, since one profile has
//! one client.
//!
//! One line in, `invite`; one line out, `ok tincan://...` or `error SENTENCE`.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, Permissions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream as Blocking;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use mio::net::{UnixListener, UnixStream};
use mio::{Interest, Registry, Token};

use crate::limits::{VISIT_TIME_MAX, VISITOR_BYTES_MAX, VISITORS_MAX};

/// The door, and who stands in it.
#[derive(Debug)]
pub struct Door {
    listener: UnixListener,
    path: PathBuf,
    first: usize,
    visitors: BTreeMap<Token, Visitor>,
    asked: VecDeque<Token>,
}

#[derive(Debug)]
struct Visitor {
    stream: UnixStream,
    said: Vec<u8>,
    asked: bool,
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
        let (visitors, asked) = (BTreeMap::new(), VecDeque::new());
        Ok(Self { listener, path: path.to_owned(), first, visitors, asked })
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
        let Some(visitor) = self.visitors.get_mut(&token) else { return };
        match visitor.listen() {
            Some(true) if !visitor.asked => {
                visitor.asked = true;
                self.asked.push_back(token);
            }
            Some(_) => {}
            None => self.show_out(registry, token),
        }
    }

    fn let_in(&mut self, registry: &Registry) {
        while let Ok((mut stream, _)) = self.listener.accept() {
            let mut free = (self.first + 1..=self.first + VISITORS_MAX).map(Token);
            // Beyond the limit the stream is dropped, which the visitor reads as the end.
            let Some(token) = free.find(|token| !self.visitors.contains_key(token)) else { continue };
            if registry.register(&mut stream, token, Interest::READABLE).is_ok() {
                self.visitors.insert(token, Visitor { stream, said: Vec::new(), asked: false });
                // The line may have come before the registration, and readiness is told once.
                self.ready(registry, token);
            }
        }
    }

    fn show_out(&mut self, registry: &Registry, token: Token) {
        if let Some(mut visitor) = self.visitors.remove(&token) {
            let _ = registry.deregister(&mut visitor.stream);
        }
    }

    /// The next visitor who wants an invite.
    pub fn poll(&mut self) -> Option<Token> {
        self.asked.pop_front()
    }

    /// Answers a visitor and shows it out.
    pub fn answer(&mut self, registry: &Registry, token: Token, answer: Result<&str, &str>) {
        if let Some(visitor) = self.visitors.get_mut(&token) {
            let (word, text) = match answer {
                Ok(url) => ("ok", url),
                Err(why) => ("error", why),
            };
            // One short line into an empty buffer: a visitor who is gone loses nothing.
            let _ = visitor.stream.write_all(format!("{word} {text}\n").as_bytes());
        }
        self.show_out(registry, token);
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Visitor {
    /// Whether the request is complete; none when this is no visitor of ours.
    fn listen(&mut self) -> Option<bool> {
        let mut chunk = [0; VISITOR_BYTES_MAX];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(count) if self.said.len() + count > VISITOR_BYTES_MAX => return None,
                Ok(count) => self.said.extend_from_slice(&chunk[..count]),
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => break,
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
        match self.said.strip_suffix(b"\n") {
            Some(b"invite") => Some(true),
            Some(_) => None,
            None => Some(false),
        }
    }
}

/// Asks the running client behind `path` for an invite.
///
/// # Errors
/// When it does not answer, or says why not.
pub fn ask_for_invite(path: &Path) -> anyhow::Result<String> {
    let what = "asking the running tincan for an invite";
    let mut stream = Blocking::connect(path).context(what)?;
    stream.set_read_timeout(Some(VISIT_TIME_MAX)).context(what)?;
    stream.write_all(b"invite\n").context(what)?;
    let mut line = String::new();
    BufReader::new(stream.take(8 << 10)).read_line(&mut line).context(what)?;
    match line.trim_end().split_once(' ') {
        Some(("ok", url)) => Ok(url.to_owned()),
        Some(("error", why)) => bail!("{why}"),
        Some(_) | None => bail!("the running tincan did not answer; try again, or make the invite in it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;
    use mio::{Events, Poll};
    use std::time::Duration;

    fn serve(poll: &mut Poll, door: &mut Door, until: impl Fn(&mut Door) -> bool) {
        let mut events = Events::with_capacity(8);
        for _ in 0..100 {
            if until(door) {
                return;
            }
            poll.poll(&mut events, Some(Duration::from_millis(200))).unwrap();
            for event in &events {
                door.ready(poll.registry(), event.token());
            }
        }
        panic!("nobody came");
    }

    #[test]
    fn a_visitor_asks_and_is_answered() {
        let scratch = Scratch::new("door");
        let path = scratch.path().join("sock");
        let mut poll = Poll::new().unwrap();
        for answer in [Ok("tincan://host"), Err("no connection to the server")] {
            let mut door = Door::open(&path, poll.registry(), 4).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            let asking = path.clone();
            let visitor = std::thread::spawn(move || ask_for_invite(&asking).map_err(|why| why.to_string()));
            serve(&mut poll, &mut door, |door| !door.asked.is_empty());
            let token = door.poll().unwrap();
            door.answer(poll.registry(), token, answer);
            assert_eq!(visitor.join().unwrap(), answer.map(str::to_owned).map_err(str::to_owned));
            drop(door);
            assert!(!path.exists());
        }
    }

    #[test]
    fn strangers_do_not_pile_up() {
        let scratch = Scratch::new("door-crowd");
        let path = scratch.path().join("sock");
        let mut poll = Poll::new().unwrap();
        let mut door = Door::open(&path, poll.registry(), 4).unwrap();
        let mut crowd: Vec<_> = (0..VISITORS_MAX + 3).map(|_| Blocking::connect(&path).unwrap()).collect();
        serve(&mut poll, &mut door, |door| door.visitors.len() == VISITORS_MAX);
        crowd[0].write_all(&[b'x'; VISITOR_BYTES_MAX + 1]).unwrap();
        crowd[1].write_all(b"something else\n").unwrap();
        serve(&mut poll, &mut door, |door| door.visitors.len() == VISITORS_MAX - 2);
        assert!(door.poll().is_none());
    }

    #[test]
    fn nobody_home_is_said() {
        let scratch = Scratch::new("door-none");
        assert!(ask_for_invite(&scratch.path().join("sock")).is_err());
    }
}
