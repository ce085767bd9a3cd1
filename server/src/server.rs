//! A whole server in this process: what `tincand` runs, and what tests start on a free port.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use mio::Waker;
use mio::net::{TcpListener, UdpSocket};
use proto::hub::{Doorway, Hub, Settings, Store as _};
use proto::id::Fingerprint;
use proto::invite::{Invite, token_hash};
use proto::relay::{Relay, RelayLimits};
use proto::{Rng, tls};
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::complaint::Complaint;
use crate::config::{Config, Registration};
use crate::data::{Data, Lock, random};
use crate::doors::Doors;
use crate::echo::{Echo, EchoThread};
use crate::guest::Speech;
use crate::listen::{self, Bound};
use crate::relay::RelayThread;
use crate::run::{House, Order};
use crate::stats::Stats;
use crate::store::Sqlite;

/// A running server. Dropping it says goodbye to everybody and waits for the end.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    plain_binary: Option<SocketAddr>,
    plain_text: Option<SocketAddr>,
    invite: Invite,
    stats: Stats,
    remote: Remote,
    thread: Option<JoinHandle<Result<()>>>,
    _lock: Lock,
}

/// Reaches a server from another thread.
#[derive(Clone, Debug)]
pub struct Remote {
    orders: SyncSender<Order>,
    waker: Arc<Waker>,
}

impl Remote {
    /// Says goodbye to everybody and ends, within five seconds.
    pub fn leave(&self) {
        self.order(Order::Leave);
    }

    fn order(&self, order: Order) {
        // A full channel means the same was said often enough; a closed one that it happened.
        let _ = self.orders.try_send(order);
        let _ = self.waker.wake();
    }
}

impl Server {
    /// Starts everything: data directory, store, sockets, threads. When it returns, clients can connect.
    ///
    /// # Errors
    /// What cannot be had, in words for the operator.
    pub fn start(config: &Config) -> Result<Self> {
        let clock = Clock::start();
        let data = Data::open(&config.data)?;
        let lock = data.lock()?;
        let mut store = Sqlite::open(&data.store())?;
        let tls =
            tls::server_config(&server_key(&data, &mut store)?).context("the server key cannot be used")?;
        let relay_key = data.relay_key()?;
        store.keep_free(config.keep_free);
        let Bound { tcp, udp, addr } = listen::bind(config.listen)?;
        let plain = PlainDoors::open(config)?;
        let invite = kept_invite(&data, &mut store, public(config, addr)?, tls.fingerprint())?;
        if invite.port != addr.port() {
            // Whoever forwards the one and forgets the other hears nothing, and nothing tells why.
            let (outside, inside) = (invite.port, addr.port());
            tracing::info!(
                "port {outside} must lead to port {inside} here for TCP and for UDP: voice goes by it, too"
            );
        }
        let echo = config.echo.then(|| Echo::open(&data)).transpose()?.filter(|echo| fits(echo, &mut store));
        let mut rng = Rng::new(random()?);

        let stats = Stats::default();
        let doorway = fitting(config.doorway);
        let PlainDoors { mut listeners, voice, binary, text } = plain;
        listeners.insert(0, (tcp, Speech::Native(Arc::clone(&tls))));
        let doors = Doors::open(listeners, doorway, config.limits.login_time, stats.clone())?;
        let (orders, inbox) = sync_channel(ORDERS_MAX);
        let remote = Remote { orders, waker: doors.waker() };
        let relay = Relay::new(*relay_key, rng.child("relay"), RelayLimits::default());
        let alarm = remote.clone();
        let relay = RelayThread::start(relay, udp, voice, clock, stats.clone(), move || {
            alarm.order(Order::RelayFailed);
        })?;
        let settings = Settings {
            server_key: tls.fingerprint(),
            relay_key: *relay_key,
            udp_port: addr.port(),
            public: (invite.host.clone(), invite.port),
            invite_only: config.registration == Registration::Invite,
            software: crate::SOFTWARE.to_owned(),
            house: echo.as_ref().map(Echo::who),
            limits: config.limits,
        };
        let hub = Hub::new(settings, rng.child("hub"), clock.now());
        let house = House {
            hub,
            doors,
            store,
            relay,
            orders: inbox,
            clock,
            stats: stats.clone(),
            full: Complaint::every(FULL_EVERY),
        };
        let start = |echo: Echo| echo.start(reach(addr), tls.fingerprint(), clock, rng.child("echo"));
        let echo = echo.map(start).transpose()?;
        let serve = move || {
            let outcome = house.run();
            outcome.and(echo.map_or(Ok(()), EchoThread::stop))
        };
        let thread = std::thread::Builder::new().name("hub".into()).spawn(serve)?;
        Ok(Self {
            addr,
            plain_binary: binary,
            plain_text: text,
            invite,
            stats,
            remote,
            thread: Some(thread),
            _lock: lock,
        })
    }

    /// Where it listens, with the real port.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where it speaks seed A, with the real port.
    pub fn plain_binary(&self) -> Option<SocketAddr> {
        self.plain_binary
    }

    /// Where it speaks seed B, with the real port.
    pub fn plain_text(&self) -> Option<SocketAddr> {
        self.plain_text
    }

    /// What admits to it.
    pub fn invite(&self) -> &Invite {
        &self.invite
    }

    /// Its counters.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// For other threads.
    pub fn remote(&self) -> Remote {
        self.remote.clone()
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// What the server ended with, unless it was told to leave.
    pub fn wait(mut self) -> Result<()> {
        self.join()
    }

    fn join(&mut self) -> Result<()> {
        match self.thread.take() {
            Some(thread) => thread.join().map_err(|_| anyhow!("the signalling thread panicked"))?,
            None => Ok(()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.remote.leave();
        if let Err(error) = self.join() {
            tracing::error!("{error:#}");
        }
    }
}

/// What `tincand invite` prints: the invite of the last start, by the name that is configured now, or with `new` one
/// whose token replaces, and so revokes, that one's. The server may run meanwhile: it looks tokens up at each use.
///
/// # Errors
/// When there is none yet and it cannot be made, or it cannot be read or kept.
pub fn own_invite(config: &Config, new: bool) -> Result<Invite> {
    let data = Data::open(&config.data)?;
    let public = match data.invite()? {
        Some(kept) => {
            // The last start knew the real port.
            let (host, port) = config.public.clone().unwrap_or_else(|| (kept.host.clone(), None));
            let (host, port) = (host, port.unwrap_or(kept.port));
            if !new {
                return Ok(Invite { host, port, ..kept });
            }
            (host, port)
        }
        None => public(config, config.listen)?,
    };
    if public.1 == 0 {
        bail!(
            "the server's port is not known before its first start with --listen ADDR:0: start it and ask again, or \
             name the port with --public HOST:PORT"
        );
    }
    data.is_ours()?;
    let fresh = data.is_new();
    let mut store = Sqlite::open(&data.store())?;
    let server = tls::server_config(&server_key(&data, &mut store)?)
        .context("the server key cannot be used")?
        .fingerprint();
    if fresh {
        tracing::warn!(
            "no server was ever started in {}: this invite is for a new one, with a new key. For another, say where \
             its data is with --data DIR",
            config.data.display()
        );
    }
    new_invite(&data, &mut store, public, server)
}

/// The server's key. One that is lost is not replaced where people know it: they would all be told that somebody may
/// stand between them and the server.
fn server_key(data: &Data, store: &mut Sqlite) -> Result<Zeroizing<Vec<u8>>> {
    if data.is_new() && store.account_count() > 0 {
        bail!(
            "{} is missing, and {} holds accounts: with another key their clients refuse this server as a changed one. \
             Restore server.key from the same backup, or choose another directory with --data DIR",
            data.path("server.key").display(),
            data.store().display()
        );
    }
    data.server_key()
}

/// Whether the friend of echo.db is the one that the accounts know. Another one would be refused its own name, on all
/// its devices and at every start.
fn fits(echo: &Echo, store: &mut Sqlite) -> bool {
    let (name, account) = echo.who();
    let holder = store.account_named(&name).filter(|holder| !holder.guest);
    let fits = holder.is_none_or(|holder| holder.fingerprint == account);
    if !fits {
        tracing::warn!(
            "there is no echo friend: echo.db does not fit server.db, where the name {name} is another account's. \
             Restore both from the same backup, or start with --no-echo"
        );
    }
    fits
}

/// The doors of the plain protocols, those that are wanted.
#[derive(Default)]
struct PlainDoors {
    listeners: Vec<(TcpListener, Speech)>,
    /// Seed A's voice.
    voice: Option<UdpSocket>,
    binary: Option<SocketAddr>,
    text: Option<SocketAddr>,
}

impl PlainDoors {
    fn open(config: &Config) -> Result<Self> {
        let mut doors = Self::default();
        if let Some(wanted) = config.plain_binary {
            let (listener, addr) = open_plain(wanted, "--plain-binary")?;
            doors.listeners.push((listener, Speech::Binary));
            doors.voice = Some(listen::bind_plain_voice(addr.ip())?);
            doors.binary = Some(addr);
        }
        if let Some(wanted) = config.plain_text {
            let (listener, addr) = open_plain(wanted, "--plain-text")?;
            doors.listeners.push((listener, Speech::Text));
            doors.text = Some(addr);
        }
        Ok(doors)
    }
}

fn open_plain(wanted: SocketAddr, flag: &str) -> Result<(TcpListener, SocketAddr)> {
    let (listener, addr) = listen::bind_plain(wanted, flag)?;
    if !listen::is_near(addr.ip()) {
        tracing::warn!(
            "{flag} {addr} may be reached from outside this network: nothing there is encrypted, and anybody comes \
             in under any free name"
        );
    }
    Ok((listener, addr))
}

/// The invite of this start: the token of the last one while it admits, at today's address.
fn kept_invite(
    data: &Data,
    store: &mut Sqlite,
    public: (String, u16),
    server: Fingerprint,
) -> Result<Invite> {
    let admits = |token: &[u8; 16]| store.token(&token_hash(token)).is_some();
    let kept = data.invite()?;
    let Some(token) = kept.as_ref().and_then(|kept| kept.token).filter(admits) else {
        return new_invite(data, store, public, server);
    };
    let (host, port) = public;
    let invite = Invite { host, port, token: Some(token), name: None, server };
    if kept.as_ref() != Some(&invite) {
        data.write_invite(&invite)?;
    }
    Ok(invite)
}

fn new_invite(data: &Data, store: &mut Sqlite, public: (String, u16), server: Fingerprint) -> Result<Invite> {
    let (token, (host, port)) = (random()?, public);
    store.replace_server_token(&token_hash(&token))?;
    let invite = Invite { host, port, token: Some(token), name: None, server };
    data.write_invite(&invite)?;
    Ok(invite)
}

/// Host and port that invites name.
fn public(config: &Config, addr: SocketAddr) -> Result<(String, u16)> {
    match &config.public {
        Some((host, port)) => Ok((host.clone(), port.unwrap_or(addr.port()))),
        None if addr.ip().is_unspecified() => {
            let host = listen::host_name()?;
            if is_bare(&host) {
                tracing::warn!(
                    "invites call this server {host}, as it calls itself: whoever cannot find it under that name cannot \
                     come in. Say what others call it with --public HOST"
                );
            }
            Ok((host, addr.port()))
        }
        None => Ok((addr.ip().to_string(), addr.port())),
    }
}

/// Whether a host's name is one that only its own network knows, if that: a machine's first name, a container's number.
fn is_bare(host: &str) -> bool {
    !host.trim_end_matches('.').contains(['.', ':'])
}

/// How the server's own friend reaches it.
fn reach(addr: SocketAddr) -> SocketAddr {
    let ip = if addr.ip().is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { addr.ip() };
    SocketAddr::new(ip, addr.port())
}

/// The doorway that the process has descriptors for.
fn fitting(wanted: Doorway) -> Doorway {
    let have = crate::system::raise_descriptors();
    if have >= wanted.connections {
        return wanted;
    }
    tracing::warn!(
        "the system allows {have} connections of the {} configured: raise the limit on open files (ulimit -n)",
        wanted.connections
    );
    Doorway { connections: have, strangers: wanted.strangers.min(have / 2).max(1), ..wanted }
}

const ORDERS_MAX: usize = 8;

/// That no more accounts are taken is said so often, at most.
const FULL_EVERY: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use proto::hub::Account;

    use super::*;
    use crate::testing::Scratch;

    #[test]
    fn a_name_that_only_the_own_network_knows_is_bare() {
        for bare in ["vm", "vm.", "localhost", "3f1c2b9a77d0"] {
            assert!(is_bare(bare), "{bare}");
        }
        for found in ["voice.example.org", "192.0.2.7", "2001:db8::1"] {
            assert!(!is_bare(found), "{found}");
        }
    }

    /// A directory in which a server ran, and somebody is known.
    fn lived_in(scratch: &Scratch) -> (Data, Sqlite) {
        let data = Data::open(scratch.path()).unwrap();
        let mut store = Sqlite::open(&data.store()).unwrap();
        server_key(&data, &mut store).unwrap();
        let name = proto::id::Name::parse("alice").unwrap();
        store.add_account(&Account { fingerprint: Fingerprint([1; 32]), name, guest: false });
        store.commit().unwrap();
        (data, store)
    }

    #[test]
    fn a_lost_key_is_not_replaced_where_people_know_it() {
        let scratch = Scratch::new();
        let (data, mut store) = lived_in(&scratch);
        server_key(&data, &mut store).unwrap();
        std::fs::remove_file(data.path("server.key")).unwrap();
        let said = format!("{:#}", server_key(&data, &mut store).unwrap_err());
        assert!(said.contains("server.key is missing") && said.contains("Restore"), "{said}");
        assert!(data.is_new(), "nothing was made");
        drop(store);
        let config = Config { listen: ([127, 0, 0, 1], 0).into(), ..Config::new(scratch.path().to_owned()) };
        assert!(Server::start(&config).is_err() && own_invite(&config, true).is_err());
        assert!(data.is_new(), "nor by a start");
    }

    #[test]
    fn a_friend_that_the_accounts_do_not_know_stays_out() {
        let scratch = Scratch::new();
        let (data, mut store) = lived_in(&scratch);
        let echo = Echo::open(&data).unwrap();
        assert!(fits(&echo, &mut store), "a new one");
        let (name, fingerprint) = echo.who();
        store.add_account(&Account { fingerprint, name, guest: false });
        store.commit().unwrap();
        assert!(fits(&echo, &mut store), "the one that is known");
        drop(echo);
        for entry in std::fs::read_dir(scratch.path()).unwrap().map(Result::unwrap) {
            if entry.file_name().to_string_lossy().starts_with("echo.db") {
                std::fs::remove_file(entry.path()).unwrap();
            }
        }
        assert!(!fits(&Echo::open(&data).unwrap(), &mut store), "another one");
    }
}
