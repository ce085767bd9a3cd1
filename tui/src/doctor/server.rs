//! The server, seen from here: its name, its port, its key, and whether voice would come through. Whether UDP passes,
//! and from where the server hears us, it says itself: the question and its answer are those of STUN.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use mio::{Events, Poll, Token, Waker};
use proto::id::Fingerprint;
use proto::wire::stun::{Answer, Question, STUN_BYTES_MAX};

use super::report::Report;
use crate::app::trust::trust_anew;
use crate::clock::{Clock, wait_for};
use crate::exit::Exit;
use crate::identity::draw;
use crate::limits::{
    CLOCK_OFF_MAX, CLOCK_OFF_NOTED, CONNECT_TIME_MAX, LOOK_UP_TIME_MAX, ROUND_TRIP_MAX, TCP_TIME_MAX,
    UDP_TIME_MAX, UDP_TRIES,
};
use crate::server_link::{LinkEvent, ServerLink};
use crate::target::Address;

/// A server to look at.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where it is.
    pub address: Address,
    /// The key that it must have: pinned at the first login, or by an invite.
    pub pinned: Option<Fingerprint>,
}

/// Looks at everything on the way to the server.
pub(super) fn examine<W: io::Write>(server: &Server, report: &mut Report<W>) -> anyhow::Result<()> {
    let Some(addresses) = look_up(server, report)? else { return Ok(()) };
    let Some(peer) = reach(server, &addresses, report)? else { return Ok(()) };
    if !key(server, report)? {
        return Ok(());
    }
    voice(server, peer, report)
}

/// Says that there is no server to look at.
pub(super) fn none<W: io::Write>(report: &mut Report<W>) -> anyhow::Result<()> {
    report.note("server", "none is known yet: tincan doctor --server HOST or INVITE looks at one")
}

fn look_up<W: io::Write>(server: &Server, report: &mut Report<W>) -> anyhow::Result<Option<Vec<SocketAddr>>> {
    let (tell, answer) = sync_channel(1);
    let Address { host, port } = server.address.clone();
    let named = host.clone();
    let look = move || {
        // Nobody waits for it any more when this fails.
        let _ = tell.send((named.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<_>>));
    };
    let began = Instant::now();
    std::thread::Builder::new().name("look-up".into()).spawn(look).context("starting to look up a name")?;
    let fix = "check the name, and /etc/resolv.conf or the network's settings";
    let found = match answer.recv_timeout(LOOK_UP_TIME_MAX) {
        Ok(Ok(found)) if !found.is_empty() => found,
        Ok(Ok(_)) => return refuse(report, "name", &format!("{host} has no address"), fix),
        Ok(Err(why)) => return refuse(report, "name", &format!("{host} cannot be looked up: {why}"), fix),
        Err(_) => {
            let words = format!("{host} was not found within {} s", LOOK_UP_TIME_MAX.as_secs());
            return refuse(report, "name", &words, fix);
        }
    };
    let shown: Vec<String> = found.iter().map(|address| address.ip().to_string()).collect();
    report.ok("name", &format!("{host} is {}, in {} ms", shown.join(", "), began.elapsed().as_millis()))?;
    Ok(Some(found))
}

fn refuse<W: io::Write, T>(
    report: &mut Report<W>,
    what: &str,
    words: &str,
    fix: &str,
) -> anyhow::Result<Option<T>> {
    report.fail(what, words, fix, Exit::Unreachable)?;
    Ok(None)
}

/// The first address that takes a connection.
fn reach<W: io::Write>(
    server: &Server,
    addresses: &[SocketAddr],
    report: &mut Report<W>,
) -> anyhow::Result<Option<SocketAddr>> {
    let mut wrong = String::new();
    for address in addresses {
        let began = Instant::now();
        match TcpStream::connect_timeout(address, TCP_TIME_MAX) {
            Ok(_) => {
                report.ok(
                    "TCP",
                    &format!("{address} takes connections, in {} ms", began.elapsed().as_millis()),
                )?;
                return Ok(Some(*address));
            }
            Err(why) => wrong = format!("{address}: {why}"),
        }
    }
    let port = server.address.port;
    let fix = format!("is tincand running there, and TCP port {port} open at its firewall and at yours?");
    refuse(report, "TCP", &wrong, &fix)
}

/// The handshake, and whose key it showed. False when there is no point in going on.
fn key<W: io::Write>(server: &Server, report: &mut Report<W>) -> anyhow::Result<bool> {
    let began = Instant::now();
    let shown = match handshake(&server.address)? {
        Ok(shown) => shown,
        Err(why) => {
            let fix =
                "is it a tincand? For another protocol say --protocol binary or text when you start tincan";
            report.fail("TLS", &why, fix, Exit::Unreachable)?;
            return Ok(false);
        }
    };
    report.ok("TLS", &format!("1.3, in {} ms", began.elapsed().as_millis()))?;
    let words = shown.openssh();
    match server.pinned {
        Some(pinned) if pinned == shown => report.ok("server key", &format!("as expected: {words}"))?,
        Some(pinned) => {
            let words = format!("{words}, but {} is pinned", pinned.openssh());
            let fix = format!("ask its operator which key is right. {}", trust_anew(shown));
            report.fail("server key", &words, &fix, Exit::Refused)?;
        }
        None => report.note("server key", &format!("not pinned yet: {words}"))?,
    }
    Ok(true)
}

/// One connection with its handshake, by the door that every login uses.
fn handshake(address: &Address) -> anyhow::Result<Result<Fingerprint, String>> {
    let mut poll = Poll::new().context("making the poll")?;
    let waker = Arc::new(Waker::new(poll.registry(), Token(1)).context("making the waker")?);
    let mut link = ServerLink::new(address.clone(), Token(0), waker)?;
    let clock = Clock::start();
    let end = clock.now().mono + CONNECT_TIME_MAX;
    link.connect(poll.registry());
    let mut events = Events::with_capacity(8);
    while clock.now().mono < end {
        while let Some(event) = link.poll() {
            match event {
                LinkEvent::Up(up) => {
                    link.disconnect(poll.registry());
                    return Ok(Ok(up.server_key));
                }
                LinkEvent::Down(why) => return Ok(Err(why)),
                LinkEvent::UpPlain(_) | LinkEvent::Bytes(_) => {}
            }
        }
        match poll.poll(&mut events, wait_for(Some(end), clock.now().mono)) {
            Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
            outcome => outcome.context("waiting for the server")?,
        }
        let now = clock.now().mono;
        for event in &events {
            if event.token() == Token(0) {
                link.ready(poll.registry(), now)
            } else {
                link.woken(poll.registry(), now)
            }
        }
        link.timeout(poll.registry(), now);
    }
    Ok(Err(format!("no handshake within {} s", CONNECT_TIME_MAX.as_secs())))
}

/// What one socket was told: the answer, our own end, and how long it took.
struct Heard {
    answer: Answer,
    local: SocketAddr,
    took: Duration,
    /// The server's clock less ours, in milliseconds, and the most that it may be off by.
    clock: Option<(i64, i64)>,
}

fn voice<W: io::Write>(server: &Server, peer: SocketAddr, report: &mut Report<W>) -> anyhow::Result<()> {
    let both = [ask(peer)?, ask(peer)?];
    let [Some(first), Some(second)] = &both else {
        let fix = format!(
            "let UDP port {} out at your firewall and in at the server's, and forward it where TCP is forwarded; a tincand that is older than this tincan does not answer either",
            server.address.port
        );
        let words = format!("{peer} does not answer: there is no voice without it");
        return report.fail("UDP", &words, &fix, Exit::Failed);
    };
    let took = first.took.min(second.took);
    let words = format!("{peer} answers, in {} ms", took.as_millis());
    if took > ROUND_TRIP_MAX {
        let fix = "use a server that is nearer, or a network that is faster: a cable instead of radio";
        report.fail("UDP", &format!("{words}: too long for a conversation"), fix, Exit::Failed)?;
    } else {
        report.ok("UDP", &words)?;
    }
    let (nat, fine) = translation(first, second);
    if fine {
        report.ok("NAT", &nat)?
    } else {
        report.note("NAT", &nat)?
    }
    clock(first, report)
}

/// Asks from a socket of its own from where the server hears it.
fn ask(peer: SocketAddr) -> anyhow::Result<Option<Heard>> {
    let any: SocketAddr = if peer.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).context("opening a UDP socket")?;
    // A network without a way there says so at once; that is no answer, too.
    if socket.connect(peer).is_err() {
        return Ok(None);
    }
    socket.set_read_timeout(Some(UDP_TIME_MAX)).context("setting up a UDP socket")?;
    // One question, asked again: a late answer to the first is as good.
    let question = Question { id: draw()? };
    for _ in 0..UDP_TRIES {
        let (clock, began) = (Clock::start(), Instant::now());
        let before = clock.now().wall;
        if socket.send(&question.encode()).is_err() {
            continue;
        }
        let mut bytes = [0; STUN_BYTES_MAX + 1];
        let Ok(count) = socket.recv(&mut bytes) else { continue };
        let took = began.elapsed();
        let Some(answer) = Answer::decode(&bytes[..count]).filter(|answer| answer.id == question.id) else {
            continue;
        };
        let half = i64::try_from(took.as_millis() / 2).unwrap_or(i64::MAX);
        let ms = |wall: proto::Wall| i64::try_from(wall.0).unwrap_or(i64::MAX);
        let clock =
            answer.time.map(|server| (ms(server).saturating_sub(ms(before).saturating_add(half)), half + 1));
        let local = socket.local_addr().context("reading a socket's address")?;
        return Ok(Some(Heard { answer, local, took, clock }));
    }
    Ok(None)
}

/// What the two answers say of the way out, in words; and whether that is nothing to think about.
fn translation(first: &Heard, second: &Heard) -> (String, bool) {
    let (one, two) = (first.answer.source, second.answer.source);
    if first.local == one && second.local == two {
        return (format!("none: the server hears {} itself", one.ip()), true);
    }
    if first.local.ip().to_canonical() == one.ip().to_canonical() {
        return (format!("the address is ours, {}, but the ports are changed on the way", one.ip()), false);
    }
    if one.ip() != two.ip() {
        let words = format!(
            "two addresses at once, {} and {}: calls go by the relay, which always works",
            one.ip(),
            two.ip()
        );
        return (words, false);
    }
    if first.local.port() == one.port() && second.local.port() == two.port() {
        return (format!("heard as {}, and ports are kept", one.ip()), true);
    }
    let words = format!(
        "heard as {}, ports are changed on the way: calls go by the relay, which always works",
        one.ip()
    );
    (words, false)
}

fn clock<W: io::Write>(heard: &Heard, report: &mut Report<W>) -> anyhow::Result<()> {
    let Some((off, about)) = heard.clock else {
        return report.note("clock", "this server does not tell its time: compare it yourself");
    };
    let words = match off {
        off if off.abs() <= about => format!("as the server's, within {about} ms"),
        off if off > 0 => format!("{} behind the server's", in_words(off)),
        off => format!("{} ahead of the server's", in_words(off)),
    };
    let off = Duration::from_millis(off.unsigned_abs());
    if off > CLOCK_OFF_MAX {
        let fix = "let the system set its clock (timedatectl set-ntp true), or ask the operator to";
        return report.fail("clock", &words, fix, Exit::Failed);
    }
    if off > CLOCK_OFF_NOTED { report.note("clock", &words) } else { report.ok("clock", &words) }
}

/// Milliseconds as people say them.
fn in_words(ms: i64) -> String {
    let ms = ms.unsigned_abs();
    if ms < 10_000 { format!("{ms} ms") } else { format!("{} s", ms / 1_000) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::Wall;

    fn heard(local: &str, source: &str, off: Option<i64>) -> Heard {
        let answer = Answer { id: [0; 12], source: source.parse().unwrap(), time: Some(Wall(1)) };
        let clock = off.map(|off| (off, 20));
        Heard { answer, local: local.parse().unwrap(), took: Duration::from_millis(40), clock }
    }

    #[test]
    fn the_kind_of_translation_is_said_with_what_it_means() {
        let kind = |one: (&str, &str), two: (&str, &str)| {
            translation(&heard(one.0, one.1, None), &heard(two.0, two.1, None))
        };
        let none = kind(("10.0.0.1:5", "10.0.0.1:5"), ("10.0.0.1:6", "10.0.0.1:6"));
        assert!(none.1 && none.0.starts_with("none"), "{none:?}");
        let kept = kind(("10.0.0.1:5", "192.0.2.1:5"), ("10.0.0.1:6", "192.0.2.1:6"));
        assert!(kept.1 && kept.0.contains("ports are kept"), "{kept:?}");
        let changed = kind(("10.0.0.1:5", "192.0.2.1:900"), ("10.0.0.1:6", "192.0.2.1:77"));
        assert!(!changed.1 && changed.0.contains("which always works"), "{changed:?}");
        let two = kind(("10.0.0.1:5", "192.0.2.1:5"), ("10.0.0.1:6", "192.0.2.9:6"));
        assert!(!two.1 && two.0.contains("two addresses"), "{two:?}");
    }

    #[test]
    fn a_clock_that_is_far_off_fails_with_what_to_do() {
        let said = |off| {
            let mut report = Report::new(Vec::new(), false);
            clock(&heard("10.0.0.1:5", "10.0.0.1:5", off), &mut report).unwrap();
            (String::from_utf8(report.out).unwrap(), report.exit)
        };
        let (words, exit) = said(Some(300_000));
        assert!(words.contains("FAIL  300 s behind") && words.contains("fix:"), "{words}");
        assert_eq!(exit, Exit::Failed);
        assert!(said(Some(-8_000)).0.contains("note  8000 ms ahead"), "{}", said(Some(-8_000)).0);
        assert!(said(Some(15)).0.contains("ok    as the server's"), "{}", said(Some(15)).0);
        assert!(said(None).0.contains("note"));
    }

    #[test]
    fn nobody_at_home_fails_once_with_one_thing_to_do() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let address = Address { host: "127.0.0.1".into(), port: closed.port() };
        let mut report = Report::new(Vec::new(), false);
        examine(&Server { address, pinned: None }, &mut report).unwrap();
        let said = String::from_utf8(report.out).unwrap();
        assert_eq!(report.exit, Exit::Unreachable);
        assert_eq!((said.matches("FAIL").count(), said.matches("fix:").count()), (1, 1), "{said}");
        assert!(said.contains("TCP            FAIL"), "{said}");
    }
}
