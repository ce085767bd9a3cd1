//! The sockets: of the native port, TCP for signalling and UDP for voice on one number; of the plain ports, TCP, and
//! for seed A's voice UDP on the port that its programs are built with.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::{Context as _, Error, Result, anyhow};
use mio::net::{TcpListener, UdpSocket};
use proto::limits::PLAIN_VOICE_PORT;
use socket2::{Domain, Protocol, Socket, Type};

/// Both sockets, bound.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) tcp: TcpListener,
    pub(crate) udp: UdpSocket,
    /// Where they are, with the real port.
    pub(crate) addr: SocketAddr,
}

/// Binds TCP and UDP to `wanted`. Every address of IPv6 includes those of IPv4; where there is no IPv6, every
/// address of IPv4 is meant. Port 0 takes one that is free for both.
///
/// # Errors
/// When the address is taken, not ours, or needs rights we do not have.
pub(crate) fn bind(wanted: SocketAddr) -> Result<Bound> {
    with_fallback(wanted, bind_both).map_err(|error| explain(error, wanted, "--listen"))
}

/// Binds TCP to `wanted`, the address of the plain door that `flag` opens; returns where it really is, too.
///
/// # Errors
/// As [`bind`].
pub(crate) fn bind_plain(wanted: SocketAddr, flag: &str) -> Result<(TcpListener, SocketAddr)> {
    let bind = |addr| {
        let tcp = tcp(addr)?;
        let addr = tcp.local_addr()?;
        Ok((tcp, addr))
    };
    with_fallback(wanted, bind).map_err(|error| explain(error, wanted, flag))
}

/// Binds the voice of seed A beside its door.
///
/// # Errors
/// As [`bind`]; the port is not ours to choose.
pub(crate) fn bind_plain_voice(ip: IpAddr) -> Result<UdpSocket> {
    let wanted = SocketAddr::new(ip, PLAIN_VOICE_PORT);
    udp(wanted).map_err(|error| match error.raw_os_error() {
        Some(libc::EADDRINUSE) => anyhow!(
            "cannot take voice on {wanted}: the port is in use, and programs of this kind know no other. Stop what \
             uses it (another tincand, or a client of this kind), or give the door an address of its own with \
             --plain-binary ADDR:PORT"
        ),
        _ => anyhow!(error).context(format!("cannot take voice on {wanted}")),
    })
}

/// Every address of IPv6 is asked for where there is none: then every address of IPv4 is meant.
fn with_fallback<T>(wanted: SocketAddr, bind: impl Fn(SocketAddr) -> io::Result<T>) -> io::Result<T> {
    match bind(wanted) {
        Err(error) if wanted.ip().is_unspecified() && wanted.is_ipv6() && lacks_ipv6(&error) => {
            bind(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), wanted.port()))
        }
        outcome => outcome,
    }
}

fn bind_both(wanted: SocketAddr) -> io::Result<Bound> {
    let mut tries = if wanted.port() == 0 { FREE_PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        let tcp = tcp(wanted)?;
        let addr = tcp.local_addr()?;
        match udp(addr) {
            Ok(udp) => return Ok(Bound { tcp, udp, addr }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries > 0 => {}
            Err(error) => return Err(error),
        }
    }
}

fn tcp(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(addr, Type::STREAM, Protocol::TCP)?;
    // A restart must not wait for the last connections of the one before to be forgotten by the kernel.
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}

fn udp(addr: SocketAddr) -> io::Result<UdpSocket> {
    let socket = socket(addr, Type::DGRAM, Protocol::UDP)?;
    // Best effort: the system caps it, and a smaller one only loses bursts.
    let _ = socket.set_recv_buffer_size(UDP_BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(UDP_BUFFER_BYTES);
    socket.bind(&addr.into())?;
    Ok(UdpSocket::from_std(socket.into()))
}

fn socket(addr: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), kind, Some(protocol))?;
    if addr.is_ipv6() {
        socket.set_only_v6(!addr.ip().is_unspecified())?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn lacks_ipv6(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL | libc::EPROTONOSUPPORT))
}

fn explain(error: io::Error, wanted: SocketAddr, flag: &str) -> Error {
    let advice = match error.raw_os_error() {
        Some(libc::EADDRINUSE) => format!(
            "the port is in use. Is another tincand running? Stop it, or choose another with {flag} ADDR:PORT"
        ),
        Some(libc::EADDRNOTAVAIL) => {
            format!("this machine has no such address. Say another with {flag} ADDR:PORT")
        }
        Some(libc::EACCES) => {
            "ports below 1024 need rights this user does not have. Choose a higher one".into()
        }
        _ => return anyhow!(error).context(format!("cannot listen on {wanted}")),
    };
    anyhow!("cannot listen on {wanted}: {advice}")
}

/// Whether only this machine and its own network reach the address. Of every address of the machine that is not known.
pub(crate) fn is_near(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// The name that others may know this machine by, for the invite.
///
/// # Errors
/// When the machine does not tell it.
pub(crate) fn host_name() -> Result<String> {
    let out = std::process::Command::new("uname").arg("-n").output();
    let out = out.context("cannot ask for the host's name; say it with --public HOST")?;
    let name = String::from_utf8_lossy(&out.stdout).trim().to_owned();
    match proto::invite::split_address(&name) {
        Some((host, None)) => Ok(host),
        _ => Err(anyhow!("the host's name {name:?} cannot stand in an invite; say one with --public HOST")),
    }
}

/// An IPv4 client of an IPv6 socket is an IPv4 client to everybody past the door.
pub(crate) fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

/// Handshakes the kernel finishes before we look: the burst after a restart.
const BACKLOG: i32 = 1024;
/// Two seconds of a busy server's voice: 10,000 packets of 200 bytes each way.
const UDP_BUFFER_BYTES: usize = 4 << 20;
const FREE_PORT_TRIES: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_serves_both() {
        let bound = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        assert_ne!(bound.addr.port(), 0);
        assert_eq!(bound.udp.local_addr().unwrap(), bound.addr);
    }

    #[test]
    fn a_taken_port_is_said_so() {
        let bound = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let said = format!("{:#}", bind(bound.addr).unwrap_err());
        assert!(said.contains(&bound.addr.to_string()) && said.contains("in use"), "{said}");
        let udp_only = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(bind(udp_only.local_addr().unwrap()).is_err(), "voice would have no port");
    }

    #[test]
    fn a_foreign_address_is_said_so() {
        let said = format!("{:#}", bind("203.0.113.9:0".parse().unwrap()).unwrap_err());
        assert!(said.contains("no such address"), "{said}");
    }

    #[test]
    fn a_plain_door_that_cannot_open_names_its_own_flag() {
        let (_held, addr) = bind_plain("127.0.0.1:0".parse().unwrap(), "--plain-text").unwrap();
        let said = format!("{:#}", bind_plain(addr, "--plain-text").unwrap_err());
        assert!(
            said.contains("in use") && said.contains("--plain-text") && !said.contains("--listen"),
            "{said}"
        );
    }

    #[test]
    fn a_taken_voice_port_is_said_with_advice() {
        let ip = IpAddr::V4(crate::testing::own_address(71));
        let _held = bind_plain_voice(ip).unwrap();
        let said = format!("{:#}", bind_plain_voice(ip).unwrap_err());
        assert!(said.contains(&format!("{ip}:8085")) && said.contains("--plain-binary"), "{said}");
    }

    #[test]
    fn near_is_this_machine_and_its_own_network() {
        let near = |text: &str| is_near(text.parse().unwrap());
        for text in
            ["127.9.9.9", "10.1.2.3", "192.168.0.1", "172.31.0.1", "169.254.7.7", "::1", "fd00::1", "fe80::1"]
        {
            assert!(near(text), "{text}");
        }
        for text in ["0.0.0.0", "::", "8.8.8.8", "172.32.0.1", "2001:db8::1", "::ffff:8.8.8.8"] {
            assert!(!near(text), "{text}");
        }
    }

    #[test]
    fn all_addresses_include_the_old_ones() {
        let bound = bind("[::]:0".parse().unwrap()).unwrap();
        std::net::TcpStream::connect(("127.0.0.1", bound.addr.port())).unwrap();
    }
}
