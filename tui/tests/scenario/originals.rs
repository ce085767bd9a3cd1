//! Servers and clients that read and write as the original programs of both plain protocols do: one read is one
//! packet, whatever came. They do not survive what those do not; a fault of ours is written down for the test.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use audio::codec::{Encoder, EncoderSettings};
use audio::frame::{FrameDuration, OpusFrame};
use proto::wire::text::Between;

use crate::harness::wait_for;

/// Nobody waits longer for a packet.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const FRAME: usize = 2_064;

/// What is known of who is logged in, shared by all connections.
#[derive(Default)]
struct Book {
    streams: BTreeMap<String, (TcpStream, IpAddr, u16)>,
    requests: BTreeSet<(String, String)>,
    contacts: BTreeSet<(String, String)>,
    ringing: BTreeMap<String, String>,
    members: Vec<String>,
    faults: Vec<String>,
}

/// A server in the style of one of the originals.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    book: Arc<Mutex<Book>>,
}

impl Server {
    pub(crate) fn binary(ip: Ipv4Addr) -> Self {
        Self::start(ip, serve_binary)
    }

    pub(crate) fn text(ip: Ipv4Addr) -> Self {
        Self::start(ip, serve_text)
    }

    fn start(ip: Ipv4Addr, serve: fn(TcpStream, IpAddr, &Mutex<Book>)) -> Self {
        let listener = TcpListener::bind((ip, 0)).expect("a loopback address takes a listener");
        let address = listener.local_addr().expect("it is bound");
        let book = Arc::new(Mutex::new(Book::default()));
        let shared = Arc::clone(&book);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let book = Arc::clone(&shared);
                let Ok(from) = stream.peer_addr() else { continue };
                std::thread::spawn(move || serve(stream, from.ip(), &book));
            }
        });
        Self { address, book }
    }

    /// Returns once this one is in no call any more.
    pub(crate) fn await_leaver(&self, name: &str) {
        let is_out = || (!lock(&self.book).members.iter().any(|member| member == name)).then_some(());
        wait_for("the 103", is_out);
    }

    /// What of ours would have hurt an original.
    pub(crate) fn assert_unharmed(&self) {
        let faults = &lock(&self.book).faults;
        assert!(faults.is_empty(), "{faults:#?}");
    }
}

fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Book {
    fn say(&mut self, to: &str, packet: &[u8]) {
        if let Some((stream, ..)) = self.streams.get_mut(to) {
            // Whoever has gone is noticed by their own connection.
            let _ = stream.write_all(packet);
        }
    }

    fn at(&self, name: &str) -> String {
        let ip = self.streams.get(name).map_or_else(String::new, |(_, ip, _)| ip.to_string());
        format!("{name}:{ip}")
    }
}

/// A frame of seed A.
pub(crate) fn frame(code: i32, payload: &str) -> Vec<u8> {
    let size = (payload.len() as u64).to_le_bytes();
    let mut frame = [&753_159_i32.to_le_bytes()[..], &code.to_le_bytes(), &size, payload.as_bytes()].concat();
    frame.resize(FRAME, 0);
    frame
}

/// Code and payload of one read; what is wrong with it.
fn read_frame(stream: &mut TcpStream) -> Option<Result<(i32, String), String>> {
    // A person may talk for as long as they like.
    let mut bytes = [0; FRAME];
    let count = stream.read(&mut bytes).ok().filter(|count| *count > 0)?;
    if count != FRAME || bytes[..4] != 753_159_i32.to_le_bytes() {
        return Some(Err(format!("a read of {count} bytes is taken for a frame")));
    }
    let code = i32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
    let end = bytes[16..].iter().position(|byte| *byte == 0).unwrap_or(0);
    Some(Ok((code, String::from_utf8_lossy(&bytes[16..16 + end]).into_owned())))
}

fn serve_binary(mut stream: TcpStream, ip: IpAddr, book: &Mutex<Book>) {
    if stream.write_all(&frame(200, &ip.to_string())).is_err() {
        return;
    }
    let mut me = String::new();
    while let Some(read) = read_frame(&mut stream) {
        let mut book = lock(book);
        match read {
            Ok((0, name)) if me.is_empty() && !book.streams.contains_key(&name) => {
                me.clone_from(&name);
                let Ok(own) = stream.try_clone() else { return };
                book.streams.insert(name.clone(), (own, ip, 0));
                book.say(&name, &frame(201, &name));
                let waiting: Vec<_> = book.requests.iter().filter(|(_, to)| *to == me).cloned().collect();
                for (from, _) in waiting {
                    // 201 and 207 in one go put an original client out of step; ours has to keep up.
                    book.say(&me, &frame(207, &from));
                }
            }
            Ok((0, name)) => drop(stream.write_all(&frame(401, &name))),
            Ok((code, what)) if me.is_empty() || what.contains('\'') => {
                book.faults.push(format!("{code} {what:?} by {me:?} ends the original server"));
            }
            Ok((code, what)) => obey_binary(&mut book, &me, code, &what),
            Err(fault) => book.faults.push(fault),
        }
    }
    let mut book = lock(book);
    book.streams.remove(&me);
    book.members.retain(|member| *member != me);
}

fn obey_binary(book: &mut Book, me: &str, code: i32, what: &str) {
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    match code {
        1 if book.streams.contains_key(what) => {
            book.requests.insert(pair(me, what));
            book.say(me, &frame(205, what));
            book.say(what, &frame(207, me));
        }
        1 => book.say(me, &frame(400, "Doesn't exists")),
        2 if book.requests.remove(&pair(what, me)) => {
            book.contacts.insert(pair(me, what));
            book.contacts.insert(pair(what, me));
            book.say(what, &frame(203, me));
        }
        5 => {
            let list: String =
                book.contacts.iter().filter(|(of, _)| of == me).map(|(_, with)| format!("{with};")).collect();
            book.say(me, &frame(206, &list));
        }
        100 => {
            book.members = vec![me.to_owned()];
            let caller = book.at(me);
            for callee in what.split(';').filter(|callee| !callee.is_empty()) {
                book.ringing.insert(callee.to_owned(), me.to_owned());
                book.say(callee, &frame(211, &caller));
            }
            book.say(me, &frame(208, ""));
        }
        101 if book.ringing.remove(me).is_some() => {
            let (members, joined) = (book.members.clone(), frame(210, &book.at(me)));
            let list: Vec<String> = members.iter().map(|member| book.at(member)).collect();
            book.say(me, &frame(209, &list.join(";")));
            members.iter().for_each(|member| book.say(member, &joined));
            book.members.push(me.to_owned());
        }
        3 | 4 | 102 => {}
        103 => {
            book.members.retain(|member| member != me);
            book.say(me, &frame(213, ""));
        }
        _ => book.faults.push(format!("{code} {what:?} by {me}")),
    }
}

/// One read of at most 512 bytes, as an original reads a packet.
pub(crate) fn read_packet(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = [0; 512];
    let count = stream.read(&mut bytes).ok().filter(|count| *count > 0)?;
    Some(String::from_utf8_lossy(&bytes[..count]).into_owned())
}

fn serve_text(mut stream: TcpStream, ip: IpAddr, book: &Mutex<Book>) {
    if stream.write_all(b"0").is_err() {
        return;
    }
    let (mut me, mut port) = (String::new(), 0);
    while let Some(packet) = read_packet(&mut stream) {
        let mut book = lock(book);
        let words: Vec<&str> = packet.split(' ').collect();
        match words[..] {
            ["0", said] if said.parse::<u16>().is_ok() => port = said.parse().unwrap_or_default(),
            ["1", name] if !book.streams.contains_key(name) => {
                name.clone_into(&mut me);
                let Ok(own) = stream.try_clone() else { return };
                book.streams.insert(me.clone(), (own, ip, port));
                book.say(name, b"2");
            }
            ["1", _] => drop(stream.write_all(b"3")),
            ["7", name] if book.streams.contains_key(name) => {
                // Without the name that the document shows.
                book.say(&me, b"8");
                book.say(name, format!("10 {me}").as_bytes());
            }
            ["7", _] => book.say(&me, b"9"),
            ["11", name] => {
                for (to, about) in [(me.as_str(), name), (name, me.as_str())] {
                    let Some((_, ip, port)) = book.streams.get(about) else { continue };
                    let packet = format!("13 {ip} {port} {about}");
                    book.say(to, packet.as_bytes());
                }
            }
            ["12", _] => {}
            _ => book.faults.push(format!("the packet {packet:?} of {me:?}")),
        }
    }
    lock(book).streams.remove(&me);
}

/// An original client: it says what the test says, and reads one packet at a time.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
}

impl Client {
    pub(crate) fn connect(from: Ipv4Addr, server: SocketAddr) -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.expect("there are sockets");
        socket.bind(&SocketAddr::from((from, 0)).into()).expect("loopback has many addresses");
        socket.connect(&server.into()).expect("the server listens");
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        Self { stream }
    }

    pub(crate) fn say(&mut self, packet: &[u8]) {
        self.stream.write_all(packet).expect("the other end reads");
        // What follows at once would be read with it: people at an original take longer, too.
        std::thread::sleep(Duration::from_millis(60));
    }

    /// The next frame must be this.
    pub(crate) fn expect_frame(&mut self, code: i32, payload: &str) {
        let read = read_frame(&mut self.stream);
        assert_eq!(read, Some(Ok((code, payload.to_owned()))));
    }

    /// The next read must be this packet and nothing else.
    pub(crate) fn expect_packet(&mut self, packet: &str) {
        assert_eq!(read_packet(&mut self.stream).as_deref(), Some(packet));
    }
}

/// Says `samples` (mono, 48 kHz) as packets 014 over the TCP connection of a call, in time: what seed B's document has a
/// packet for, and the original program never does.
pub(crate) fn speak_by_tcp(call: &mut Client, samples: &[f32]) {
    let frame = FrameDuration::from_ms(10).expect("a frame may last so long");
    let settings = EncoderSettings { frame, ..EncoderSettings::default() };
    let mut encoder = Encoder::new(settings).expect("there is an encoder");
    call.stream.set_nodelay(true).expect("a socket takes it");
    let start = Instant::now();
    for (n, samples) in (0..).zip(samples.chunks_exact(frame.samples())) {
        let mut opus = OpusFrame::EMPTY;
        encoder.encode(samples, &mut opus).expect("a whole frame is encoded");
        let packet = Between::Data(opus.bytes().to_vec()).encode();
        call.stream.write_all(&packet).expect("the other end reads");
        std::thread::sleep((start + Duration::from_millis(10) * n).saturating_duration_since(Instant::now()));
    }
}

/// The voice of an original client of seed A: every datagram that comes must be one it survives.
pub(crate) fn hear_binary(at: Ipv4Addr, from: Ipv4Addr, datagrams: usize) {
    let socket = UdpSocket::bind((at, 8085)).expect("nobody else is at this address");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
    let mut bytes = [0; 2_048];
    for n in 0..datagrams {
        let (count, who) = socket.recv_from(&mut bytes).expect("voice comes");
        assert_eq!((count, who), (272, SocketAddr::from((from, 8085))), "datagram {n}");
        assert_eq!(bytes[..4], 4_269_i32.to_le_bytes());
        let length = i32::from_le_bytes([bytes[260], bytes[261], bytes[262], bytes[263]]);
        assert!((1..=256).contains(&length), "a length of {length} ends the original client");
        // The first byte of an Opus packet: CELT at 10 ms (configurations 18, 22, 26, 30) or hybrid or SILK at 10 ms
        // (0, 4, 8, 12, 14), and one frame, alone or counted and padded (RFC 6716 sections 3.1 and 3.2.5).
        let (toc, counted) = (bytes[4], bytes[5]);
        let one_frame = toc & 3 == 0 || (toc & 3 == 3 && counted & 0x3f == 1);
        assert!(
            [0, 4, 8, 12, 14, 18, 22, 26, 30].contains(&(toc >> 3)) && one_frame,
            "{toc:#x} {counted:#x} is not one frame of 10 ms"
        );
    }
}
