//! The servers this profile has logged in to, one line each, as SSH keeps its known hosts: `HOST:PORT SHA256:FP`.
//! The newest is the last line, and the one that `tincan` without arguments goes to.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use proto::id::Fingerprint;

use crate::identity::write_private;
use crate::limits::KNOWN_SERVERS_MAX;
use crate::target::Address;

/// The file of known servers.
#[derive(Debug)]
pub struct Known {
    path: PathBuf,
    lines: Vec<(Address, Fingerprint)>,
}

impl Known {
    /// Reads the file; one that is not there knows nobody. Lines that cannot be read are left out.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn read(profile: &Path) -> io::Result<Self> {
        let path = profile.join("known_servers");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(why) if why.kind() == io::ErrorKind::NotFound => String::new(),
            Err(why) => return Err(why),
        };
        let lines = text.lines().filter_map(parse).collect();
        Ok(Self { path, lines })
    }

    /// The key this server showed when it was first trusted.
    pub fn key_of(&self, address: &Address) -> Option<Fingerprint> {
        self.lines.iter().find(|(known, _)| known == address).map(|(_, key)| *key)
    }

    /// The server logged in to last.
    pub fn newest(&self) -> Option<&Address> {
        self.lines.last().map(|(address, _)| address)
    }

    /// Remembers that this server, with this key, let us in just now.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn remember(&mut self, address: &Address, key: Fingerprint) -> io::Result<()> {
        if self.lines.last().is_some_and(|(known, k)| known == address && *k == key) {
            return Ok(());
        }
        self.lines.retain(|(known, _)| known != address);
        self.lines.push((address.clone(), key));
        let too_many = self.lines.len().saturating_sub(KNOWN_SERVERS_MAX);
        self.lines.drain(..too_many);
        self.write()
    }

    /// Takes `key` for the one of this server, if another is known.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn replace(&mut self, address: &Address, key: Fingerprint) -> io::Result<()> {
        let mut other = self.lines.iter_mut().filter(|(known, k)| known == address && *k != key);
        let Some((_, known)) = other.next() else { return Ok(()) };
        *known = key;
        self.write()
    }

    fn write(&self) -> io::Result<()> {
        let text: String = self.lines.iter().map(|(a, key)| format!("{a} {}\n", key.openssh())).collect();
        write_private(&self.path, text.as_bytes())
    }
}

fn parse(line: &str) -> Option<(Address, Fingerprint)> {
    let (address, key) = line.split_once(' ')?;
    Some((Address::parse(address)?, Fingerprint::parse(key)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    #[test]
    fn the_last_server_is_the_newest() {
        let scratch = Scratch::new("known");
        let (a, b) = (Address::parse("a.example").unwrap(), Address::parse("[::1]:9").unwrap());
        let mut known = Known::read(scratch.path()).unwrap();
        assert_eq!(known.newest(), None);
        for address in [&a, &b, &a] {
            known.remember(address, Fingerprint([7; 32])).unwrap();
        }
        let known = Known::read(scratch.path()).unwrap();
        assert_eq!(known.newest(), Some(&a));
        assert_eq!(known.key_of(&b), Some(Fingerprint([7; 32])));
        assert_eq!(known.lines.len(), 2);
    }

    #[test]
    fn a_new_key_takes_the_place_of_the_old_one() {
        let scratch = Scratch::new("known-new");
        let (a, b) = (Address::parse("a.example").unwrap(), Address::parse("b.example").unwrap());
        let mut known = Known::read(scratch.path()).unwrap();
        known.remember(&a, Fingerprint([7; 32])).unwrap();
        known.remember(&b, Fingerprint([8; 32])).unwrap();
        known.replace(&a, Fingerprint([9; 32])).unwrap();
        known.replace(&Address::parse("c.example").unwrap(), Fingerprint([9; 32])).unwrap();
        let known = Known::read(scratch.path()).unwrap();
        assert_eq!(known.key_of(&a), Some(Fingerprint([9; 32])));
        assert_eq!((known.newest(), known.lines.len()), (Some(&b), 2), "and nobody was let in");
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let scratch = Scratch::new("known-junk");
        let key = Fingerprint([1; 32]).openssh();
        let text = format!("junk\n\nhost {key} more\nhost SHA256:xx\nhost:1 {key}\n");
        fs::write(scratch.path().join("known_servers"), text).unwrap();
        let known = Known::read(scratch.path()).unwrap();
        assert_eq!(known.lines.len(), 1);
    }
}
