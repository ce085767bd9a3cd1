//! Sound to and from the server: one connection and one thread for each half. The thread waits in the kernel for the
//! server's words and touches neither the heap nor a lock while sound flows.

use std::ffi::{CStr, CString};
use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use mio::Waker;
use proto::Safe;
use pulseaudio::protocol::{
    ChannelMap, Command, CorkStreamParams, CreateRecordStreamReply, DESCRIPTOR_SIZE, Prop, Props,
    RecordStreamParams, SampleFormat, SampleSpec,
    stream::{BufferAttr, StreamFlags},
};

use super::link::{COMMANDS, Failure, Link, encoded, header_of};
use crate::device::callback::{FATAL, MicrophoneCallback, Pulse};
use crate::device::card::{self, Opened, Target};
use crate::frame::SAMPLE_RATE;
use crate::ring::{self, PcmRx};

/// Bytes of a sample.
pub(super) const SAMPLE: usize = size_of::<f32>();
/// Samples of a millisecond.
pub(super) const MS: usize = SAMPLE_RATE as usize / 1_000;
/// What a microphone hands over at a time, and what its device is asked to collect at a time.
const FRAGMENT: usize = 5 * MS;
/// What may wait at the server for a thread of ours that stalls; more is lost, so that nobody is late for ever.
const WAITING: usize = 200 * MS;
/// Samples traded with the server in one message, at most.
pub(super) const PIECE: usize = 20 * MS;
/// Bytes of messages read at once: a stalled thread finds many.
const BUFFER: usize = 1 << 16;
/// The number of our own commands during a stream; what is answered to them is not waited for.
const NUMBER: u32 = u32::MAX - 1;

/// Sound flows while this lives.
pub(in crate::device) struct Stream {
    pub(super) socket: UnixStream,
    pub(super) version: u16,
    pub(super) channel: u32,
    pub(super) microphone: bool,
}

impl Stream {
    /// Stops the device for us or lets it go on. False when the server could not be told.
    pub(in crate::device) fn pause(&self, paused: bool) -> bool {
        let params = CorkStreamParams { channel: self.channel, cork: paused };
        if !self.microphone {
            return self.tell(&Command::CorkPlaybackStream(params));
        }
        // What was collected when the pause began was said before it.
        let flushed = paused || self.tell(&Command::FlushRecordStream(self.channel));
        self.tell(&Command::CorkRecordStream(params)) && flushed
    }

    fn tell(&self, command: &Command) -> bool {
        let Ok(bytes) = encoded(NUMBER, command, self.version) else { return false };
        (&self.socket).write_all(&bytes).is_ok()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // The thread wakes from its read with nothing, and ends; the server forgets us.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

pub(super) fn microphone(
    target: &Target,
    paused: bool,
    waker: &Arc<Waker>,
) -> Result<Opened<PcmRx>, Failure> {
    let mut link = Link::connect()?;
    let params = RecordStreamParams {
        sample_spec: spec(),
        channel_map: ChannelMap::mono(),
        source_name: Some(name_of(target)?),
        buffer_attr: BufferAttr {
            max_length: (WAITING * SAMPLE) as u32,
            fragment_size: (FRAGMENT * SAMPLE) as u32,
            ..BufferAttr::default()
        },
        flags: StreamFlags { adjust_latency: true, start_corked: paused, ..StreamFlags::default() },
        props: about(c"microphone"),
        ..RecordStreamParams::default()
    };
    let answer: CreateRecordStreamReply = link.ask(&Command::CreateRecordStream(params))?;
    let (tx, rx) = ring::pcm(SAMPLE_RATE as usize / 2);
    let pulse = Arc::new(Pulse::default());
    let mut callback = MicrophoneCallback::new(tx, 1, FRAGMENT, pulse.clone(), waker.clone());
    let faults = pulse.clone();
    let (version, channel) = (link.version(), answer.channel);
    let (socket, ours) = parted(link)?;
    let named = target.id.clone();
    card::spawn("tincan-mic", move || {
        let mut messages = Messages::new();
        let mut samples = [0.0; PIECE];
        let read = |messages: &mut Messages| messages.more(&socket);
        while read(&mut messages) {
            while let Some(message) = messages.next() {
                match message {
                    Message::Sound(of, bytes) if of == channel => {
                        for piece in bytes.chunks(PIECE * SAMPLE) {
                            callback.take(taken(piece, &mut samples), |sample: f32| sample);
                        }
                    }
                    Message::Killed => return faults.fault(FATAL),
                    // The server puts whoever loses a microphone where it finds sound, also at what a speaker plays.
                    Message::Moved(of, to) if of == channel && is_monitor(to) && to != named.as_bytes() => {
                        return faults.fault(FATAL);
                    }
                    Message::Sound(..) | Message::Request { .. } | Message::Moved(..) | Message::Other => {}
                }
            }
        }
        faults.fault(FATAL);
    })?;
    let stream = Stream { socket: ours, version, channel, microphone: true };
    Ok(opened(rx, target, pulse, stream))
}

pub(super) fn opened<Ring>(ring: Ring, target: &Target, pulse: Arc<Pulse>, stream: Stream) -> Opened<Ring> {
    let name = Safe::line(&target.label);
    Opened { ring, rate: SAMPLE_RATE, name, pulse, stream: card::Stream::Pulse(stream) }
}

/// One end for the thread, which waits without end, and one for us.
pub(super) fn parted(link: Link) -> Result<(UnixStream, UnixStream), Failure> {
    let ours = link.socket.try_clone()?;
    link.socket.set_read_timeout(None)?;
    Ok((link.socket, ours))
}

pub(super) fn spec() -> SampleSpec {
    SampleSpec { format: SampleFormat::Float32Le, channels: 1, sample_rate: SAMPLE_RATE }
}

pub(super) fn name_of(target: &Target) -> Result<CString, Failure> {
    CString::new(target.id.as_str()).map_err(|_| Failure::Lost)
}

/// What the server's other clients show of the stream; desktops treat telephony apart from music.
pub(super) fn about(name: &CStr) -> Props {
    let mut about = named(name);
    about.set(Prop::MediaRole, c"phone");
    about
}

/// The same of what is no call.
pub(super) fn named(name: &CStr) -> Props {
    let mut named = Props::new();
    named.set(Prop::MediaName, name);
    named
}

fn taken<'a>(bytes: &[u8], samples: &'a mut [f32; PIECE]) -> &'a [f32] {
    let mut count = 0;
    for (sample, bytes) in samples.iter_mut().zip(bytes.chunks_exact(SAMPLE)) {
        *sample = bytes.try_into().map_or(0.0, f32::from_le_bytes);
        count += 1;
    }
    &samples[..count]
}

/// What the server says while sound flows.
#[derive(Debug, PartialEq)]
pub(super) enum Message<'a> {
    /// Of that channel's microphone.
    Sound(u32, &'a [u8]),
    /// That channel's speaker wants so much.
    Request { channel: u32, bytes: usize },
    /// The stream was ended: its device went away and no other was found for it.
    Killed,
    /// That channel's microphone is the one of this name now.
    Moved(u32, &'a [u8]),
    /// Nothing we act on.
    Other,
}

/// Cuts messages from what comes in.
pub(super) struct Messages {
    buffer: Box<[u8; BUFFER]>,
    from: usize,
    to: usize,
}

impl Messages {
    pub(super) fn new() -> Self {
        Self { buffer: Box::new([0; BUFFER]), from: 0, to: 0 }
    }

    /// Waits for more bytes; false when there will be none, or when they make no sense.
    pub(super) fn more(&mut self, mut socket: &UnixStream) -> bool {
        self.buffer.copy_within(self.from..self.to, 0);
        (self.from, self.to) = (0, self.to - self.from);
        loop {
            match socket.read(&mut self.buffer[self.to..]) {
                // A message that does not fit into the buffer leaves no room to read into, and that reads nothing.
                Ok(0) => return false,
                Ok(count) => {
                    self.to += count;
                    return true;
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
    }

    /// The next whole message.
    pub(super) fn next(&mut self) -> Option<Message<'_>> {
        let (header, rest) = self.buffer[self.from..self.to].split_first_chunk()?;
        let (len, channel) = header_of(header);
        let body = rest.get(..len)?;
        self.from += DESCRIPTOR_SIZE + len;
        Some(if channel == COMMANDS { command(body) } else { Message::Sound(channel, body) })
    }
}

/// The few commands that matter here, read by hand: each number is a letter and four bytes, highest first.
fn command(body: &[u8]) -> Message<'_> {
    const REQUEST: u32 = 61;
    const PLAYBACK_KILLED: u32 = 64;
    const RECORD_KILLED: u32 = 65;
    const RECORD_MOVED: u32 = 79;
    let value = |at: usize| match body.get(at * 5..at * 5 + 5) {
        Some([b'L', a, b, c, d]) => Some(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => None,
    };
    match (value(0), value(2), value(3)) {
        (Some(REQUEST), Some(channel), Some(bytes)) => Message::Request { channel, bytes: bytes as usize },
        (Some(PLAYBACK_KILLED | RECORD_KILLED), ..) => Message::Killed,
        (Some(RECORD_MOVED), Some(channel), Some(_)) => Message::Moved(channel, name(&body[4 * 5..])),
        _ => Message::Other,
    }
}

/// A name as it stands in a command: a letter, the name and a zero.
fn name(bytes: &[u8]) -> &[u8] {
    match bytes.split_first() {
        Some((b't', rest)) => rest.split(|byte| *byte == 0).next().unwrap_or_default(),
        Some(_) | None => &[],
    }
}

/// Whether it is called as the server calls the monitors of speakers.
fn is_monitor(name: &[u8]) -> bool {
    name.ends_with(b".monitor")
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test speaks as the server does")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use pulseaudio::protocol::{RecordStreamMovedParams, Request, StreamSuspendedParams};

    const SPEAKER: u32 = 7;

    fn sound(channel: u32, bytes: &[u8]) -> Vec<u8> {
        let mut message = (bytes.len() as u32).to_be_bytes().to_vec();
        message.extend_from_slice(&channel.to_be_bytes());
        message.extend_from_slice(&[0; 12]);
        message.extend_from_slice(bytes);
        message
    }

    fn command(command: &Command) -> Vec<u8> {
        encoded(u32::MAX, command, 35).unwrap()
    }

    /// What is understood of `bytes` when they come in pieces.
    fn understood(bytes: &[u8], piece: usize) -> Vec<String> {
        let (server, client) = UnixStream::pair().unwrap();
        let (mut messages, mut seen) = (Messages::new(), Vec::new());
        for piece in bytes.chunks(piece) {
            (&server).write_all(piece).unwrap();
            assert!(messages.more(&client));
            while let Some(message) = messages.next() {
                seen.push(format!("{message:?}"));
            }
        }
        drop(server);
        assert!(!messages.more(&client), "the end is seen");
        seen
    }

    #[test]
    fn what_the_server_says_is_understood_in_any_pieces() {
        let request = Command::Request(Request { channel: SPEAKER, length: 960 });
        let suspended = StreamSuspendedParams { stream_index: 1, suspended: true };
        let moved = RecordStreamMovedParams {
            stream_index: 3,
            device_index: 9,
            device_name: c"spk.monitor".into(),
            device_suspended: false,
            buffer_attr: BufferAttr::default(),
            configured_source_latency: 5_000,
        };
        let bytes = [
            sound(3, &[1, 2, 3, 4]),
            command(&request),
            command(&Command::PlaybackStreamSuspended(suspended)),
            sound(4, &[]),
            command(&Command::RecordStreamMoved(moved)),
            command(&Command::RecordStreamKilled(3)),
            command(&Command::PlaybackStreamKilled(3)),
        ]
        .concat();
        let seen = [
            "Sound(3, [1, 2, 3, 4])",
            "Request { channel: 7, bytes: 960 }",
            "Other",
            "Sound(4, [])",
            &format!("Moved(3, {:?})", b"spk.monitor"),
            "Killed",
            "Killed",
        ];
        for piece in [1, 3, 19, 20, 21, 60, bytes.len()] {
            assert_eq!(understood(&bytes, piece), seen, "in pieces of {piece}");
        }
    }

    #[test]
    fn a_name_is_read_as_far_as_it_goes() {
        for (bytes, read) in [
            (&b"tab.monitor\0L"[..], &b"ab.monitor"[..]),
            (b"tab", b"ab"),
            (b"t", b""),
            (b"N", b""),
            (b"", b""),
        ] {
            assert_eq!((name(bytes), is_monitor(name(bytes))), (read, read.len() > 2));
        }
    }

    #[test]
    fn a_message_longer_than_we_bear_is_the_end() {
        let (server, client) = UnixStream::pair().unwrap();
        let writer = std::thread::spawn(move || {
            // Ends when the reader is gone.
            let _ = (&server).write_all(&sound(3, &vec![0; 4 * BUFFER]));
        });
        let mut messages = Messages::new();
        while messages.more(&client) {
            assert_eq!(messages.next(), None);
        }
        drop(client);
        writer.join().unwrap();
    }

    proptest! {
        #[test]
        fn junk_of_a_server_is_harmless(bytes in proptest::collection::vec(any::<u8>(), 0..300), piece in 1usize..40) {
            let (server, client) = UnixStream::pair().unwrap();
            let mut messages = Messages::new();
            for piece in bytes.chunks(piece) {
                (&server).write_all(piece).unwrap();
                prop_assert!(messages.more(&client));
                while messages.next().is_some() {}
            }
        }
    }
}
