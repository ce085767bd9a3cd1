//! What a session has of the protocol that is spoken: the machine, and what only it needs of the profile, the network
//! and other people.

use std::fs::{self, DirBuilder};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use mio::{Registry, Waker};
use proto::client::{Client, Row, Settings, ratchet_states};
use proto::crypto::olm::Olm;
use proto::id::Fingerprint;
use proto::plain::{self, PlainClient};
use proto::{Now, Rng};

use crate::identity::{Profile, draw};
use crate::known::Known;
use crate::peers::Peers;
use crate::server_link::ServerLink;
use crate::session::mind::Mind;
use crate::session::{Begin, DOOR, LINK, PEERS};
use crate::store::Store;
use crate::target::Protocol;
use crate::visit::Door;

/// What depends on the protocol that is spoken.
pub(super) struct Spoken {
    pub(super) mind: Mind,
    pub(super) link: ServerLink,
    pub(super) store: Store,
    /// Whether this profile has been here before.
    pub(super) is_known: bool,
    /// Where other programs of the user ask for something.
    pub(super) door: Option<Door>,
    /// The account and the servers it knows: of our own protocol.
    pub(super) account: Option<Fingerprint>,
    pub(super) known: Option<Known>,
    pub(super) expected: Option<Fingerprint>,
    /// What the user named as the server's key, whatever is pinned.
    pub(super) named: Option<Fingerprint>,
    /// Callers: of seed B.
    pub(super) peers: Option<Peers>,
}

impl Spoken {
    pub(super) fn native(
        profile: &mut Profile,
        begin: &Begin,
        registry: &Registry,
        waker: &Arc<Waker>,
        now: Now,
    ) -> anyhow::Result<Self> {
        let (address, expected) = (&begin.target.address, begin.target.expect);
        let key = profile.account_key()?;
        let known = Known::read(profile.dir()).context("reading the known servers")?;
        let store = Store::open(&profile.server_dir(address)?.join("store.db"))?;
        let rows = store.rows().context("reading the store")?;
        let account = key.fingerprint();
        let settings = Settings {
            expect: expected.or(known.key_of(address)),
            pin: begin.target.pin,
            trust_first: begin.trust_first,
            token: begin.target.token,
            account,
            software: concat!("tincan ", env!("CARGO_PKG_VERSION")).into(),
        };
        let ratchet = Box::new(ratchet(profile, &rows)?);
        let client = Client::new(settings, ratchet, rows, Rng::new(draw()?), now);
        Ok(Self {
            mind: Mind::Native(Box::new(client), Box::new(key)),
            link: ServerLink::new(address.clone(), LINK, Arc::clone(waker))?,
            store,
            is_known: known.key_of(address).is_some(),
            account: Some(account),
            known: Some(known),
            expected,
            named: begin.target.pin,
            door: open_door(profile, registry),
            peers: None,
        })
    }

    /// Whether every connection to the server and to other people is closed.
    pub(super) fn is_closed(&self) -> bool {
        self.link.is_closed() && self.peers.as_ref().is_none_or(Peers::is_closed)
    }

    /// No key of the profile is touched: there is nothing it could sign.
    pub(super) fn plain(
        profile: &mut Profile,
        begin: &Begin,
        registry: &Registry,
        waker: &Arc<Waker>,
        now: Now,
    ) -> anyhow::Result<Self> {
        let Begin { target, protocol, bind, .. } = begin;
        let store = Store::open(&profile.server_dir(&target.address)?.join("plain.db"))?;
        let rows = store.rows().context("reading the store")?;
        let peers = match protocol {
            Protocol::Native | Protocol::Binary => None,
            Protocol::Text => Some(Peers::listen(*bind, registry, PEERS)?),
        };
        let spoken = match &peers {
            Some(peers) => plain::Protocol::Text { listen: peers.local() },
            None => plain::Protocol::Binary { bind: *bind },
        };
        let client = PlainClient::new(spoken, &rows, Rng::new(draw()?), now);
        Ok(Self {
            mind: Mind::Plain(Box::new(client)),
            link: ServerLink::plain(target.address.clone(), *bind, LINK, Arc::clone(waker)),
            store,
            is_known: !rows.is_empty(),
            account: None,
            known: None,
            expected: None,
            named: None,
            door: open_door(profile, registry),
            peers,
        })
    }
}

fn ratchet(profile: &Profile, rows: &[Row]) -> anyhow::Result<Olm> {
    let store_key = profile.store_key()?;
    let saved = ratchet_states(rows);
    if saved.is_empty() {
        return Ok(Olm::new(*store_key));
    }
    Olm::restore(*store_key, &saved).context("reading the device's keys")
}

/// A client without a door works as well; only `tincan status` and the like beside it do not.
fn open_door(profile: &mut Profile, registry: &Registry) -> Option<Door> {
    let path = door_path(profile);
    let opened = Door::open(&path, registry, DOOR).and_then(|door| {
        profile.announce(Some(door.path()))?;
        Ok(door)
    });
    match opened {
        Ok(door) => Some(door),
        Err(why) => {
            tracing::warn!(path = %path.display(), %why, "no control socket");
            let _ = profile.announce(None);
            None
        }
    }
}

/// In the runtime directory, whose paths are short enough for a socket; else in the profile, which is private, too.
/// The same profile always has the same place, so that what a killed client left is found and replaced.
fn door_path(profile: &Profile) -> PathBuf {
    match std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).and_then(private_room) {
        Some(room) => room.join(format!("{:016x}.sock", mark(profile.dir()))),
        None => profile.dir().join("socket"),
    }
}

/// Our own folder in the runtime directory; none where that is not as the XDG specification wants it.
fn private_room(runtime: PathBuf) -> Option<PathBuf> {
    let about = fs::metadata(&runtime).ok()?;
    if !about.is_dir() || about.permissions().mode() & 0o077 != 0 {
        return None;
    }
    let room = runtime.join("tincan");
    DirBuilder::new().recursive(true).mode(0o700).create(&room).ok()?;
    Some(room)
}

/// A profile in a few letters (FNV-1a of its path): a path of its own may be too long for a socket.
fn mark(profile: &Path) -> u64 {
    let whole = fs::canonicalize(profile).unwrap_or_else(|_| profile.to_owned());
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    whole.as_os_str().as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, step)
}
