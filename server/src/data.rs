//! The data directory: the lock that keeps a second server out, the two keys, and the invite. Everything in it is
//! readable by its owner only.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use proto::invite::Invite;
use proto::tls;
use zeroize::Zeroizing;

/// A directory that is there and ours to write.
#[derive(Clone, Debug)]
pub struct Data {
    dir: PathBuf,
}

/// While it lives, no other server uses the directory.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Data {
    /// Makes the directory, with its parents, if it is not there.
    ///
    /// # Errors
    /// When it cannot be made, is not a directory, or is one that others use, too.
    pub fn open(dir: &Path) -> Result<Self> {
        let wanted = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        wanted.with_context(|| format!("cannot make the data directory {}", dir.display()))?;
        // Whoever arranged the directory may have led here by links, and systemd does so. SQLite is told to follow none,
        // so that nobody puts one in the place of a store, and it refuses a path with one in whatever part.
        let dir = fs::canonicalize(dir)
            .with_context(|| format!("cannot find out where the data directory {} is", dir.display()))?;
        // An older directory, or one made by the packager: others must not read the keys in it.
        let mode = fs::metadata(&dir)?.permissions().mode();
        if mode & 0o077 != 0 {
            if !is_for_us(&dir).with_context(|| format!("cannot look into {}", dir.display()))? {
                bail!(
                    "{} holds other things, and closing it to other users would take those from them: name a \
                     directory for tincand alone with --data DIR",
                    dir.display()
                );
            }
            fs::set_permissions(&dir, fs::Permissions::from_mode(mode & 0o700))
                .with_context(|| format!("{} is open to other users and is not ours", dir.display()))?;
        }
        Ok(Self { dir })
    }

    /// Where `name` is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Where the store is.
    pub fn store(&self) -> PathBuf {
        self.path("server.db")
    }

    /// Keeps other servers out.
    ///
    /// # Errors
    /// When one is in, or the directory cannot be written.
    pub fn lock(&self) -> Result<Lock> {
        let path = self.path("lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("cannot write to the data directory {}", self.dir.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(anyhow!(
                "another tincand is using {}: stop it first, or choose another directory with --data DIR",
                self.dir.display()
            )),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
    }

    /// That what is written here can be read by whoever the directory belongs to: the user that the server runs as.
    ///
    /// # Errors
    /// When that is somebody else.
    pub fn is_ours(&self) -> Result<()> {
        let (owner, user) = (fs::metadata(&self.dir)?.uid(), crate::system::user());
        if owner != user {
            bail!(
                "{} belongs to the user with the number {owner}, and this is {user}: a server that runs as that user \
                 could not read what is written now. Run it as that user: sudo -u '#{owner}' tincand invite ...",
                self.dir.display()
            );
        }
        Ok(())
    }

    /// Whether no server was ever started here: there is no key of one yet.
    pub fn is_new(&self) -> bool {
        !self.path("server.key").exists()
    }

    /// The server's key as PKCS#8, made at the first call.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or cannot be written.
    pub fn server_key(&self) -> Result<Zeroizing<Vec<u8>>> {
        let seed = self.secret("server.key")?;
        tls::server_key_pkcs8(&seed).context("the server key in server.key cannot be used")
    }

    /// The key that relay tickets are made with.
    ///
    /// # Errors
    /// As [`Self::server_key`].
    pub fn relay_key(&self) -> Result<Zeroizing<[u8; 32]>> {
        self.secret("relay.key")
    }

    /// The invite as last printed; none before the first start.
    ///
    /// # Errors
    /// When it is there and cannot be read. It is not taken for none then: a new one would revoke it.
    pub fn invite(&self) -> Result<Option<Invite>> {
        let path = self.path("invite");
        let or_new = "or delete the file: then a new invite is made, and the old one admits nobody any more";
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => bail!(
                "cannot read the invite in {}: {error}. Give the file to the user that tincand runs as, with chown, \
                 {or_new}",
                path.display()
            ),
        };
        match Invite::parse(&String::from_utf8_lossy(&bytes)) {
            Ok(invite) => Ok(Some(invite)),
            Err(_) => bail!(
                "{} is damaged: there is no invite in it. Restore it from a backup, {or_new}",
                path.display()
            ),
        }
    }

    /// Keeps the invite for `tincand invite`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_invite(&self, invite: &Invite) -> Result<()> {
        self.replace("invite", format!("{invite}\n").as_bytes())
    }

    /// 32 random bytes that stay the same from the first call on.
    fn secret(&self, name: &str) -> Result<Zeroizing<[u8; 32]>> {
        let path = self.path(name);
        let bytes = match fs::read(&path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let fresh = Zeroizing::new(random()?);
                self.replace(name, &*fresh)?;
                return Ok(fresh);
            }
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let Ok(secret) = <[u8; 32]>::try_from(bytes.as_slice()) else {
            bail!(
                "{} is damaged: it holds {} bytes instead of 32. Restore it from a backup; without it, clients \
                 will refuse this server as a changed one",
                path.display(),
                bytes.len()
            );
        };
        Ok(Zeroizing::new(secret))
    }

    /// Writes a file whole or not at all, also when the power fails.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let (path, new) = (self.path(name), self.path(&format!("{name}.new")));
        let write = || {
            // What lies there is left from a crash, or a link that somebody put there: it is neither written through nor kept.
            match fs::remove_file(&new) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(&self.dir)?.sync_all()
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }
}

/// What is there of a server before its key is made, or in a copy without it; and what a disk of its own begins with.
const OURS: [&str; 12] = [
    "lost+found",
    "lock",
    "invite",
    "relay.key",
    "relay.key.new",
    "server.key.new",
    "server.db",
    "server.db-wal",
    "server.db-shm",
    "echo.db",
    "echo.db-wal",
    "echo.db-shm",
];

/// Whether a directory is empty or a server's: only such a one may be closed to everybody else.
fn is_for_us(dir: &Path) -> io::Result<bool> {
    if dir.join("server.key").exists() {
        return Ok(true);
    }
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        if !OURS.iter().any(|ours| name == *ours) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Bytes from the operating system, by the same door as the keys of TLS.
///
/// # Errors
/// When the system has none to give.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut out = [0; N];
    let source = rustls::crypto::aws_lc_rs::default_provider().secure_random;
    source.fill(&mut out).map_err(|_| anyhow!("the system gives no random numbers"))?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_keys_stay_the_same_and_private() {
        let scratch = Scratch::new();
        let data = Data::open(&scratch.path().join("a/b")).unwrap();
        let (server, relay) = (data.server_key().unwrap(), data.relay_key().unwrap());
        let again = Data::open(&scratch.path().join("a/b")).unwrap();
        assert_eq!(again.server_key().unwrap(), server);
        assert_eq!(again.relay_key().unwrap(), relay);
        assert_eq!(mode(&data.path("")), 0o700);
        assert_eq!(mode(&data.path("server.key")), 0o600);
    }

    #[test]
    fn an_open_directory_is_closed_to_others() {
        let scratch = Scratch::new();
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Data::open(scratch.path()).unwrap();
        assert_eq!(mode(scratch.path()), 0o700);
    }

    #[test]
    fn a_directory_that_others_use_is_left_as_it_is() {
        let scratch = Scratch::new();
        let open = || fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        let whole = || fs::metadata(scratch.path()).unwrap().permissions().mode() & 0o7777;
        fs::write(scratch.path().join("letter"), "somebody else's").unwrap();
        open();
        let said = format!("{:#}", Data::open(scratch.path()).unwrap_err());
        assert!(said.contains("holds other things") && said.contains("--data DIR"), "{said}");
        assert_eq!(whole(), 0o1777);
        // Whoever closed it themselves may keep what they like in it, and a server's is closed as ever.
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o700)).unwrap();
        Data::open(scratch.path()).unwrap().server_key().unwrap();
        open();
        Data::open(scratch.path()).unwrap();
        assert_eq!(mode(scratch.path()), 0o700);
        // The root of a disk of its own.
        let disk = scratch.path().join("disk");
        fs::create_dir_all(disk.join("lost+found")).unwrap();
        fs::set_permissions(&disk, fs::Permissions::from_mode(0o755)).unwrap();
        Data::open(&disk).unwrap();
        assert_eq!(mode(&disk), 0o700);
    }

    #[test]
    fn a_damaged_key_is_not_replaced() {
        let scratch = Scratch::new();
        let data = Data::open(scratch.path()).unwrap();
        fs::write(data.path("server.key"), b"short").unwrap();
        let said = format!("{:#}", data.server_key().unwrap_err());
        assert!(said.contains("damaged") && said.contains("backup"), "{said}");
        assert_eq!(fs::read(data.path("server.key")).unwrap(), b"short");
    }

    #[test]
    fn a_second_server_stays_out_until_the_first_is_gone() {
        let scratch = Scratch::new();
        let data = Data::open(scratch.path()).unwrap();
        let first = data.lock().unwrap();
        let said = format!("{:#}", data.lock().unwrap_err());
        assert!(said.contains("another tincand") && said.contains("--data"), "{said}");
        drop(first);
        data.lock().unwrap();
    }

    #[test]
    fn the_invite_is_kept() {
        let scratch = Scratch::new();
        let data = Data::open(scratch.path()).unwrap();
        assert_eq!(data.invite().unwrap(), None);
        let server = proto::id::Fingerprint([1; 32]);
        let invite = Invite { host: "h".into(), port: 1, token: Some([2; 16]), name: None, server };
        data.write_invite(&invite).unwrap();
        assert_eq!(data.invite().unwrap(), Some(invite));
        assert_eq!(mode(&data.path("invite")), 0o600);
    }

    #[test]
    fn an_invite_that_cannot_be_read_is_not_taken_for_none() {
        let scratch = Scratch::new();
        let data = Data::open(scratch.path()).unwrap();
        let refused = || format!("{:#}", data.invite().unwrap_err());
        for damage in [&b""[..], b"tincan://", &[0xff; 8]] {
            fs::write(data.path("invite"), damage).unwrap();
            assert!(refused().contains("damaged") && refused().contains("delete"), "{}", refused());
        }
        // As with a file of somebody else, but for root, too.
        fs::remove_file(data.path("invite")).unwrap();
        fs::create_dir(data.path("invite")).unwrap();
        assert!(refused().contains("cannot read") && refused().contains("chown"), "{}", refused());
    }

    #[test]
    fn a_link_in_the_place_of_what_is_written_is_not_followed() {
        let scratch = Scratch::new();
        let data = Data::open(scratch.path()).unwrap();
        for to in ["there", "not there"] {
            let to = scratch.path().join(to);
            if to.ends_with("there") {
                fs::write(&to, "somebody else's").unwrap();
            }
            std::os::unix::fs::symlink(&to, data.path("invite.new")).unwrap();
            data.replace("invite", b"new").unwrap();
            assert_eq!(fs::read(data.path("invite")).unwrap(), b"new");
            assert!(!to.exists() || fs::read(&to).unwrap() == b"somebody else's");
        }
    }

    #[test]
    fn somebody_elses_directory_is_told_from_ours() {
        let scratch = Scratch::new();
        let data = Data::open(scratch.path()).unwrap();
        data.is_ours().unwrap();
        // Only root can give it away, and only root ever comes into somebody else's.
        if std::os::unix::fs::chown(scratch.path(), Some(65_534), Some(65_534)).is_ok() {
            let why = data.is_ours().unwrap_err().to_string();
            assert!(why.contains("sudo -u '#65534' tincand invite"), "{why}");
        }
    }
}
