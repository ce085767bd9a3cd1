//! A wire-tap: it stands between people and a server on an address of its own, passes everything on, and keeps a
//! copy of every byte and datagram.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::spawn;

use proto::invite::Invite;

/// What was copied.
#[derive(Default)]
pub(crate) struct Copied {
    /// One for each direction of each connection.
    pub(crate) streams: Vec<Vec<u8>>,
    pub(crate) datagrams: Vec<Vec<u8>>,
}

/// A tap. Its threads end with the test's process.
pub(crate) struct Tap(Arc<Mutex<Copied>>);

impl Tap {
    /// Between people who follow the returned invite and the server of `invite` on loopback.
    pub(crate) fn before(invite: &Invite) -> (Self, Invite) {
        // The same port on another address: clients send voice to the address they reach the server at.
        let here = SocketAddr::new(IpAddr::V4(ADDRESS), invite.port);
        Self::at(invite, TcpListener::bind(here).unwrap(), UdpSocket::bind(here).unwrap())
    }

    /// As [`Self::before`], at another port: as a router forwards one.
    pub(crate) fn forwarding(invite: &Invite) -> (Self, Invite) {
        let both = || {
            let tcp = TcpListener::bind((ADDRESS, 0)).unwrap();
            let udp = UdpSocket::bind(tcp.local_addr().unwrap()).ok();
            udp.filter(|_| tcp.local_addr().unwrap().port() != invite.port).map(|udp| (tcp, udp))
        };
        let (tcp, udp) = std::iter::repeat_with(both).flatten().next().unwrap();
        Self::at(invite, tcp, udp)
    }

    fn at(invite: &Invite, tcp: TcpListener, udp: UdpSocket) -> (Self, Invite) {
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, invite.port));
        let copied = Arc::new(Mutex::new(Copied::default()));
        let port = tcp.local_addr().unwrap().port();
        let copies = Arc::clone(&copied);
        spawn(move || tcp.incoming().flatten().for_each(|stream| connect(stream, server, &copies)));
        let copies = Arc::clone(&copied);
        spawn(move || pass_datagrams(udp, server, &copies));
        (Self(copied), Invite { host: ADDRESS.to_string(), port, ..invite.clone() })
    }

    pub(crate) fn copied<T>(&self, look: impl FnOnce(&Copied) -> T) -> T {
        look(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn connect(near: TcpStream, server: SocketAddr, copies: &Arc<Mutex<Copied>>) {
    let Ok(far) = TcpStream::connect(server) else { return };
    for (from, to) in [(&near, &far), (&far, &near)] {
        let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        let copies = Arc::clone(copies);
        spawn(move || pass_stream(from, to, &copies));
    }
}

fn pass_stream(mut from: TcpStream, mut to: TcpStream, copies: &Mutex<Copied>) {
    let place = {
        let mut copies = copies.lock().unwrap();
        copies.streams.push(Vec::new());
        copies.streams.len() - 1
    };
    let mut buffer = [0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        copies.lock().unwrap().streams[place].extend_from_slice(&buffer[..count]);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

fn pass_datagrams(near: UdpSocket, server: SocketAddr, copies: &Arc<Mutex<Copied>>) {
    let mut far: BTreeMap<SocketAddr, UdpSocket> = BTreeMap::new();
    let mut buffer = [0; 2048];
    while let Ok((count, from)) = near.recv_from(&mut buffer) {
        let datagram = &buffer[..count];
        copies.lock().unwrap().datagrams.push(datagram.to_vec());
        let socket = far.entry(from).or_insert_with(|| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            socket.connect(server).unwrap();
            let (back, near) = (socket.try_clone().unwrap(), near.try_clone().unwrap());
            let copies = Arc::clone(copies);
            spawn(move || pass_back(&back, &near, from, &copies));
            socket
        });
        let _ = socket.send(datagram);
    }
}

fn pass_back(far: &UdpSocket, near: &UdpSocket, to: SocketAddr, copies: &Mutex<Copied>) {
    let mut buffer = [0; 2048];
    // A server that is gone answers with an error, and comes back.
    loop {
        let Ok(count) = far.recv(&mut buffer) else { continue };
        copies.lock().unwrap().datagrams.push(buffer[..count].to_vec());
        let _ = near.send_to(&buffer[..count], to);
    }
}

const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 77);
