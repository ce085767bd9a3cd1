//! Sound to the server: what it asks for, made by the voice thread while it waits, and under it a net (`net`).

use std::ffi::CStr;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use mio::Waker;
use pulseaudio::protocol::{
    ChannelMap, Command, CreatePlaybackStreamReply, DESCRIPTOR_SIZE, PlaybackStreamParams, ServerInfo,
    stream::{BufferAttr, StreamFlags},
};

use super::link::{Failure, Link};
use super::net::{NET, Net};
use super::stream::{
    MS, Message, Messages, PIECE, SAMPLE, Stream, about, name_of, named, opened, parted, spec,
};
use crate::device::callback::{FATAL, Pulse, SpeakerCallback};
use crate::device::card::{self, Opened, Target};
use crate::frame::SAMPLE_RATE;
use crate::ring::{self, PcmTx};

/// What a speaker asks for at a time, at least, with a net and without. Two of them lie at the server beyond what its device
/// takes, for a thread of ours that is late; what comes after them is the net's. Measured mouth to ear: 31 ms with the first, 33.6
/// ms with the second, and the same quality.
const REQUEST: (usize, usize) = (5 * MS / 4, 5 * MS / 2);
/// What the speaker's device is asked to take at a time, and then asks us for, unless somebody else asks it for less. With twice
/// as much a call was 14 ms longer from mouth to ear, at the same cost for us, since the playout waits for what is asked for at a
/// time as well.
const DEVICE: usize = 5 * MS / 2;
/// What may lie at the server: it refuses a piece of which a part would be beyond this, and a device that is far away, as one on
/// Bluetooth, has it ask for 50 ms and more. We send what it asked for and one net, so this keeps nothing short.
const QUEUE_MAX: usize = 2_000 * MS;
/// Half of how long the voice thread may take to make sound that was asked for before the net takes its place: what lies at the
/// server lasts for 5 ms.
const PATIENCE: Duration = Duration::from_micros(2_500);

pub(super) fn speaker(target: &Target, rings: bool, waker: &Arc<Waker>) -> Result<Opened<PcmTx>, Failure> {
    let mut link = Link::connect()?;
    let netted = can_overwrite(&link.ask(&Command::GetServerInfo)?);
    let request = if netted { REQUEST.0 } else { REQUEST.1 };
    let bytes = |samples: usize| (samples * SAMPLE) as u32;
    let params = PlaybackStreamParams {
        sample_spec: spec(),
        channel_map: ChannelMap::mono(),
        sink_name: Some(name_of(target)?),
        buffer_attr: BufferAttr {
            max_length: bytes(QUEUE_MAX),
            // The server takes two requests for itself and gives half of the rest to the device (its sources,
            // `protocol-native.c`): this is how it is told what the device shall take at a time.
            target_length: bytes(2 * request + 2 * DEVICE),
            // Silence is played while we have nothing, and time goes on.
            pre_buffering: 0,
            minimum_request_length: bytes(request),
            ..BufferAttr::default()
        },
        // Whoever turned us down in the mixer meant it: the server remembers that of streams which name no volume.
        cvolume: None,
        flags: StreamFlags { adjust_latency: true, ..StreamFlags::default() },
        // A volume is remembered by the role: who turns a call down still hears the next one ring.
        props: if rings { named(c"ring") } else { about(c"speaker") },
        ..PlaybackStreamParams::default()
    };
    let answer: CreatePlaybackStreamReply = link.ask(&Command::CreatePlaybackStream(params))?;
    let (tx, rx) = ring::pulled_pcm(SAMPLE_RATE as usize / 2);
    let pulse = Arc::new(Pulse::default());
    let mut callback = SpeakerCallback::new(rx, 1, pulse.clone(), waker.clone());
    let faults = pulse.clone();
    let (version, channel) = (link.version(), answer.channel);
    let (socket, ours) = parted(link)?;
    let mut requested = answer.requested_bytes as usize / SAMPLE;
    let mut lateness = Lateness::new(requested);
    card::spawn("tincan-speaker", move || {
        let mut messages = Messages::new();
        let mut out = Out::new(channel, netted);
        loop {
            let mut taken = lateness.of(requested);
            while requested > 0 {
                let count = requested.min(PIECE);
                requested -= count;
                callback.wait_for(count, PATIENCE);
                if !out.send(&socket, &mut callback, count, taken) {
                    return faults.fault(FATAL);
                }
                taken = 0;
            }
            if !messages.more(&socket) {
                return faults.fault(FATAL);
            }
            while let Some(message) = messages.next() {
                match message {
                    Message::Request { channel: of, bytes } if of == channel => requested += bytes / SAMPLE,
                    Message::Killed => return faults.fault(FATAL),
                    Message::Sound(..) | Message::Request { .. } | Message::Moved(..) | Message::Other => {}
                }
            }
        }
    })?;
    let stream = Stream { socket: ours, version, channel, microphone: false };
    Ok(opened(tx, target, pulse, stream))
}

/// Whether what lies in the server's queue may be written anew without it asking for less. PulseAudio counts what it asked
/// for; PipeWire, which speaks its protocol, looks at how much lies there.
fn can_overwrite(server: &ServerInfo) -> bool {
    let name = server.server_name.as_deref().map(CStr::to_bytes).unwrap_or_default();
    !name.windows(8).any(|part| part.eq_ignore_ascii_case(b"pipewire"))
}

/// How far the server is beyond the sound it has, told by how much it asks for.
struct Lateness {
    /// So much lies there when nothing is asked for.
    queue: usize,
    /// What it asked for lately.
    lately: [usize; Self::LATELY],
    at: usize,
}

impl Lateness {
    const LATELY: usize = 16;

    /// `first` is what it asks for when it has nothing.
    const fn new(first: usize) -> Self {
        Self { queue: first, lately: [0; Self::LATELY], at: 0 }
    }

    /// Samples it has taken of the net when it asks for so many. The queue becomes longer when another device takes over or
    /// this one asks for more at a time: what it always asks for is none of its being late.
    fn of(&mut self, requested: usize) -> usize {
        if requested > 0 {
            self.lately[self.at] = requested;
            self.at = (self.at + 1) % Self::LATELY;
        }
        let usual = self.lately.iter().min().map_or(0, |least| *least);
        requested.saturating_sub(self.queue.max(usual))
    }
}

/// Messages of sound on their way to the server.
struct Out {
    channel: u32,
    net: Net,
    bytes: [u8; DESCRIPTOR_SIZE + (PIECE + NET) * SAMPLE],
    /// How much of a net is sent, in samples, and how much of one lies at the end of the server's queue.
    netted: usize,
    ahead: usize,
}

impl Out {
    fn new(channel: u32, netted: bool) -> Self {
        let bytes = [0; DESCRIPTOR_SIZE + (PIECE + NET) * SAMPLE];
        Self { channel, net: Net::new(), bytes, netted: if netted { NET } else { 0 }, ahead: 0 }
    }

    /// Sends what was asked for, of which the server has taken so many samples from the net; false when it is gone.
    fn send(
        &mut self,
        mut socket: &UnixStream,
        callback: &mut SpeakerCallback,
        count: usize,
        taken: usize,
    ) -> bool {
        let mut samples = [0.0; PIECE];
        let ready = callback.ready();
        callback.give(&mut samples[..count], |sample: f32| sample);
        let mut coming = [0.0; NET];
        let known = callback.take_coming(&mut coming);
        // Where there is no net, silence was played.
        let taken = if self.netted > 0 { taken } else { 0 };
        self.net.complete(&mut samples[..count], ready, taken, &coming[..known]);
        let bytes = (count + self.netted) * SAMPLE;
        let header = &mut self.bytes[..DESCRIPTOR_SIZE];
        header[..4].copy_from_slice(&(bytes as u32).to_be_bytes());
        header[4..8].copy_from_slice(&self.channel.to_be_bytes());
        // From where in the queue, and that this is counted from its end.
        header[8..16].copy_from_slice(&(-((self.ahead * SAMPLE) as i64)).to_be_bytes());
        header[16..].fill(0);
        let sound = samples[..count].iter().chain(&self.net.samples()[..self.netted]);
        for (slot, sample) in self.bytes[DESCRIPTOR_SIZE..].chunks_exact_mut(SAMPLE).zip(sound) {
            slot.copy_from_slice(&sample.to_le_bytes());
        }
        self.ahead = self.netted;
        socket.write_all(&self.bytes[..DESCRIPTOR_SIZE + bytes]).is_ok()
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test reads as the server does")]
mod tests {
    use super::*;
    use std::io::Read as _;

    const SPEAKER: u32 = 7;

    #[test]
    fn each_piece_is_written_over_the_net_after_the_last_one() {
        for netted in [false, true] {
            let net = if netted { NET } else { 0 };
            let (server, client) = UnixStream::pair().unwrap();
            let (mut tx, rx) = ring::pulled_pcm(1_000);
            let poll = mio::Poll::new().unwrap();
            let waker = Arc::new(Waker::new(poll.registry(), mio::Token(0)).unwrap());
            let mut callback = SpeakerCallback::new(rx, 1, Arc::default(), waker);
            let maker = std::thread::spawn(move || {
                while tx.counters().take_demand() == 0 {
                    std::thread::yield_now();
                }
                // Two that are wanted and one that would come next.
                tx.push(&[0.25, -0.5, 0.125]);
                tx.counters().serve();
            });
            let mut out = Out::new(SPEAKER, netted);
            callback.wait_for(2, Duration::from_secs(20));
            assert!(out.send(&client, &mut callback, 2, 0));
            maker.join().unwrap();
            // Nobody serves the second one: what would have come is what is heard.
            callback.wait_for(1, Duration::ZERO);
            assert!(out.send(&client, &mut callback, 1, 0));
            drop((client, out));
            let mut got = Vec::new();
            (&server).read_to_end(&mut got).unwrap();
            let (first, second) = got.split_at(DESCRIPTOR_SIZE + (2 + net) * SAMPLE);
            let header = |count: usize, over: usize| {
                let bytes = (count * SAMPLE) as u32;
                let offset = -((over * SAMPLE) as i64);
                let fields =
                    [&bytes.to_be_bytes()[..], &SPEAKER.to_be_bytes(), &offset.to_be_bytes(), &[0; 4]];
                fields.concat()
            };
            assert_eq!(first[..DESCRIPTOR_SIZE], header(2 + net, 0));
            assert_eq!(second[..DESCRIPTOR_SIZE], header(1 + net, net));
            let bytes = |samples: &[f32]| samples.iter().flat_map(|s| s.to_le_bytes()).collect::<Vec<_>>();
            assert_eq!(first[DESCRIPTOR_SIZE..][..2 * SAMPLE], bytes(&[0.25, -0.5]));
            if netted {
                assert_eq!(first[DESCRIPTOR_SIZE..][2 * SAMPLE..3 * SAMPLE], bytes(&[0.125]));
            }
            assert_eq!(second[DESCRIPTOR_SIZE..][..SAMPLE], bytes(&[0.125]));
        }
    }

    #[test]
    fn what_is_always_asked_for_is_not_late() {
        let mut lateness = Lateness::new(360);
        assert_eq!(lateness.of(360), 0, "the first");
        for (requested, late) in [(120, 0), (360, 0), (500, 140), (120, 0), (2_000, 1_640), (0, 0)] {
            assert_eq!(lateness.of(requested), late, "{requested}");
        }
        // A device that takes 10 ms at a time.
        let late: Vec<usize> = (0..20).map(|_| lateness.of(480)).collect();
        assert_eq!((late[0], late[19]), (120, 0));
        assert_eq!(lateness.of(1_000), 520);
    }

    #[test]
    fn who_looks_at_how_much_lies_there_gets_no_net() {
        let named = |name: Option<&std::ffi::CStr>| ServerInfo {
            server_name: name.map(CStr::to_owned),
            ..ServerInfo::default()
        };
        for (name, can) in
            [(Some(c"pulseaudio"), true), (Some(c"PulseAudio (on PipeWire 0.3.65)"), false), (None, true)]
        {
            assert_eq!(can_overwrite(&named(name)), can, "{name:?}");
        }
    }
}
