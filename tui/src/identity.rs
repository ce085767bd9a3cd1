//! The profile: a private directory that holds who we are.
//!
//! ```text
//! PROFILE/account_key      the account's private key, OpenSSH form
//! PROFILE/store_key        32 random bytes, under which the ratchets' states are kept
//! PROFILE/known_servers    where we have been
//! PROFILE/lock             held by the running client; its text is the path of the client's socket
//! PROFILE/HOST_PORT/store.db   of a server of our own protocol
//! PROFILE/HOST_PORT/plain.db   of a server of a plain one: the name
//! ```
//!
//! Directories are 0700 and files 0600, whatever the umask says.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use etcetera::base_strategy::{BaseStrategy as _, Xdg};
use proto::crypto::identity::AccountKey;
use zeroize::Zeroizing;

use crate::target::Address;

/// A profile in use by this process.
#[derive(Debug)]
pub struct Profile {
    dir: PathBuf,
    lock: File,
}

/// What opening a profile came to.
#[derive(Debug)]
pub enum Opened {
    /// It is ours until it is dropped.
    Ours(Profile),
    /// Another client runs on it.
    Taken,
}

impl Profile {
    /// Opens the profile in `dir`, making the directory on the first run.
    ///
    /// # Errors
    /// When the directory or the lock cannot be made.
    pub fn open(dir: &Path) -> anyhow::Result<Opened> {
        make_private_dir(dir).with_context(|| format!("making the profile directory {}", dir.display()))?;
        let path = dir.join("lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(&path).with_context(|| format!("opening {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Opened::Ours(Self { dir: dir.to_owned(), lock })),
            Err(TryLockError::WouldBlock) => Ok(Opened::Taken),
            Err(TryLockError::Error(why)) => Err(why).with_context(|| format!("locking {}", path.display())),
        }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The directory of what belongs to one server.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn server_dir(&self, address: &Address) -> anyhow::Result<PathBuf> {
        let dir = self.dir.join(address.file_name());
        make_private_dir(&dir).with_context(|| format!("making {}", dir.display()))?;
        Ok(dir)
    }

    /// Tells others where to ask this client: the path goes into the lock file.
    ///
    /// # Errors
    /// When the lock file cannot be written.
    pub fn announce(&mut self, socket: Option<&Path>) -> io::Result<()> {
        use std::io::Seek as _;
        use std::os::unix::ffi::OsStrExt as _;
        self.lock.set_len(0)?;
        self.lock.rewind()?;
        self.lock.write_all(socket.map_or(&[][..], |path| path.as_os_str().as_bytes()))
    }

    /// The account key, made on the first run.
    ///
    /// # Errors
    /// When the file cannot be read or written, or holds no key of use.
    pub fn account_key(&self) -> anyhow::Result<AccountKey> {
        let path = self.dir.join("account_key");
        let shown = path.display();
        match fs::read_to_string(&path).map(Zeroizing::new) {
            Ok(text) => {
                refuse_open_key(&path)?;
                AccountKey::from_openssh(&text).with_context(|| format!("reading the account key {shown}"))
            }
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                let key = AccountKey::from_seed(&Zeroizing::new(draw()?), "tincan");
                write_private(&path, key.to_openssh().as_bytes())
                    .with_context(|| format!("writing {shown}"))?;
                Ok(key)
            }
            Err(why) => Err(why).with_context(|| format!("reading the account key {shown}")),
        }
    }

    /// The key under which the ratchets' states are kept, made on the first run.
    ///
    /// # Errors
    /// When the file cannot be read or written, or is damaged.
    pub fn store_key(&self) -> anyhow::Result<Zeroizing<[u8; 32]>> {
        let path = self.dir.join("store_key");
        let shown = path.display();
        match fs::read(&path).map(Zeroizing::new) {
            Ok(bytes) => {
                refuse_open_key(&path)?;
                let key = <[u8; 32]>::try_from(bytes.as_slice());
                key.map(Zeroizing::new).map_err(|_| anyhow!("{shown} is damaged: it does not hold 32 bytes"))
            }
            Err(why) if why.kind() == io::ErrorKind::NotFound => {
                let key = Zeroizing::new(draw()?);
                write_private(&path, &*key).with_context(|| format!("writing {shown}"))?;
                Ok(key)
            }
            Err(why) => Err(why).with_context(|| format!("reading {shown}")),
        }
    }
}

/// Where the client asks to be asked that runs with the profile in `dir`, or did: whether it still does is known by
/// asking. Looking takes nothing from a client that starts meanwhile, as locking would.
pub fn announced(dir: &Path) -> Option<PathBuf> {
    let text = fs::read(dir.join("lock")).ok().filter(|text| !text.is_empty())?;
    Some(PathBuf::from(std::ffi::OsString::from_vec(text)))
}

/// The profile of who named none: `$XDG_DATA_HOME/tincan`.
///
/// # Errors
/// When there is no home directory.
pub fn default_profile() -> anyhow::Result<PathBuf> {
    let xdg = Xdg::new().context("finding the home directory; name a profile with --profile DIR")?;
    Ok(xdg.data_dir().join("tincan"))
}

/// Random bytes of the operating system.
///
/// # Errors
/// When it has none to give.
pub fn draw<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    let random = rustls::crypto::aws_lc_rs::default_provider().secure_random;
    random.fill(&mut bytes).map_err(|_| anyhow!("the operating system gave no random numbers"))?;
    Ok(bytes)
}

/// Writes a file that only we can read, whole or not at all.
///
/// # Errors
/// When the directory or disk refuses.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    // The name must survive a power cut as the bytes do.
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

fn make_private_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

fn refuse_open_key(path: &Path) -> anyhow::Result<()> {
    let mode =
        fs::metadata(path).with_context(|| format!("looking at {}", path.display()))?.permissions().mode();
    if mode & 0o077 != 0 {
        let shown = path.display();
        bail!("others can read the key {shown}: if that is no harm done, run chmod 600 {shown}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    fn ours(dir: &Path) -> Profile {
        match Profile::open(dir).unwrap() {
            Opened::Ours(profile) => profile,
            Opened::Taken => panic!("taken"),
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn keys_are_made_once_and_kept_private() {
        let scratch = Scratch::new("profile");
        let dir = scratch.path().join("deep/er");
        let profile = ours(&dir);
        let (account, store) = (profile.account_key().unwrap(), profile.store_key().unwrap());
        assert_eq!(profile.account_key().unwrap().fingerprint(), account.fingerprint());
        assert_eq!(profile.store_key().unwrap(), store);
        assert_eq!(
            (mode(&dir), mode(&dir.join("account_key")), mode(&dir.join("store_key"))),
            (0o700, 0o600, 0o600)
        );
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let scratch = Scratch::new("open-key");
        let profile = ours(scratch.path());
        profile.account_key().unwrap();
        fs::set_permissions(scratch.path().join("account_key"), fs::Permissions::from_mode(0o640)).unwrap();
        profile.store_key().unwrap();
        fs::set_permissions(scratch.path().join("store_key"), fs::Permissions::from_mode(0o604)).unwrap();
        for why in [profile.account_key().map(drop), profile.store_key().map(drop)] {
            let why = why.unwrap_err().to_string();
            assert!(why.contains("chmod 600"), "{why}");
        }
    }

    #[test]
    fn a_damaged_key_is_not_replaced() {
        let scratch = Scratch::new("damaged");
        let profile = ours(scratch.path());
        write_private(&scratch.path().join("account_key"), b"junk").unwrap();
        write_private(&scratch.path().join("store_key"), b"junk").unwrap();
        assert!(profile.account_key().is_err() && profile.store_key().is_err());
        assert_eq!(fs::read(scratch.path().join("account_key")).unwrap(), b"junk");
    }

    #[test]
    fn a_profile_has_one_client_and_says_where_it_is() {
        let scratch = Scratch::new("lock");
        let mut first = ours(scratch.path());
        assert!(matches!(Profile::open(scratch.path()).unwrap(), Opened::Taken));
        assert_eq!(announced(scratch.path()), None);
        first.announce(Some(Path::new("/run/some.sock"))).unwrap();
        assert_eq!(announced(scratch.path()), Some("/run/some.sock".into()));
        first.announce(None).unwrap();
        assert_eq!((announced(scratch.path()), announced(Path::new("no/such/place"))), (None, None));
        drop(first);
        ours(scratch.path());
    }
}
