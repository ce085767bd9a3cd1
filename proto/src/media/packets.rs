//! What voice does to the media machine: a frame that leaves, a datagram that came. Nothing here allocates.

use core::net::SocketAddr;
use core::time::Duration;

use crate::crypto::sframe::{Sealed, generation_and_step};
use crate::drop::Drop;
use crate::id::Ssrc;
use crate::limits::DATAGRAM_BYTES_MAX;
use crate::media::bind::Answer;
use crate::media::copies::Copies;
use crate::media::event::CallEvent;
use crate::media::speakers::{Opened, Speaker};
use crate::media::streams::Packet;
use crate::media::{Media, MediaOutput, Phase};
use crate::time::Time;
use crate::wire::datagram::{Kind, Payload, RTP_BYTES, Rtp};

impl Media {
    pub(super) fn frame(&mut self, opus: &[u8], duration: Duration, now: Time) -> Result<(), Drop> {
        let sent_ms = self.wall_ms(now);
        let live = match &mut self.phase {
            Phase::Idle | Phase::Bound(_) => return Err(Drop::OutOfTurn),
            Phase::Live(live) => live,
            Phase::Direct(direct) => return direct.frame(opus, sent_ms, now, &mut self.out),
        };
        let bytes = live.outgoing.frame(opus, duration, now)?;
        let to = live.binding.relay_addr();
        self.out.push_back(MediaOutput::Datagram { to, bytes });
        Ok(())
    }

    pub(super) fn datagram(&mut self, from: SocketAddr, bytes: &[u8], now: Time) -> Result<(), Drop> {
        if bytes.len() > DATAGRAM_BYTES_MAX {
            return Err(Drop::Oversized);
        }
        if let Phase::Direct(direct) = &mut self.phase {
            return direct.datagram(from, bytes, now, &mut self.out);
        }
        let kind = Kind::of(bytes).ok_or(Drop::Malformed)?;
        let binding = self.binding().ok_or(Drop::NoCall)?;
        if from != binding.relay_addr() {
            return Err(Drop::Stranger);
        }
        match kind {
            Kind::Rtp => self.rtp(bytes, now),
            Kind::Cookie | Kind::Bound => self.answer(bytes, now),
            Kind::Bind | Kind::Bind2 => Err(Drop::Malformed),
        }
    }

    fn answer(&mut self, bytes: &[u8], now: Time) -> Result<(), Drop> {
        let binding = match &mut self.phase {
            Phase::Idle | Phase::Direct(_) => return Err(Drop::NoCall),
            Phase::Bound(bound) => &mut bound.binding,
            Phase::Live(live) => &mut live.binding,
        };
        let (to, call) = (binding.relay_addr(), binding.place().call);
        match binding.answer(bytes, now)? {
            Answer::Send(second) => self.send(to, &second),
            Answer::FirstBound => self.tell(CallEvent::Bound(call)),
            Answer::BoundAgain => {}
        }
        Ok(())
    }

    /// Voice or a report. A sealed call takes nothing that is not sealed, and a plain one nothing that is.
    fn rtp(&mut self, bytes: &[u8], now: Time) -> Result<(), Drop> {
        let rtp = Rtp::decode(bytes).ok_or(Drop::Malformed)?;
        let plain = self.is_plain();
        match rtp.payload {
            Payload::Voice | Payload::Report | Payload::Copies if !plain => self.sealed(bytes, now),
            Payload::PlainVoice | Payload::PlainReport if plain => self.plain(&rtp, bytes, now),
            Payload::Voice
            | Payload::Report
            | Payload::Copies
            | Payload::PlainVoice
            | Payload::PlainReport => Err(Drop::Forged),
        }
    }

    pub(super) fn sealed(&mut self, bytes: &[u8], now: Time) -> Result<(), Drop> {
        let (Some(rtp), Some(sealed)) = (Rtp::decode(bytes), Sealed::read(bytes)) else {
            return Err(Drop::Malformed);
        };
        let own = self.binding().ok_or(Drop::NoCall)?.place().ssrc;
        if rtp.ssrc == own {
            return Err(Drop::Impostor);
        }
        generation_and_step(sealed.kid).ok_or(Drop::Malformed)?;
        let mut packet = Packet::copy_of(bytes).ok_or(Drop::Oversized)?;
        let Some(speaker) = self.phase.speaker(rtp.ssrc) else {
            return self.keyless.keep(rtp.ssrc, sealed.kid, packet, now);
        };
        if !speaker.knows(sealed.kid) {
            let past = speaker.is_past(sealed.kid);
            return if past {
                Err(Drop::NoKey)
            } else {
                self.keyless.keep(rtp.ssrc, sealed.kid, packet, now)
            };
        }
        let first = !speaker.heard;
        let opened = speaker.open(&rtp, &sealed, &mut packet, own, now);
        let first = first && speaker.heard;
        self.opened(rtp.ssrc, first, opened.map(Some), now)
    }

    fn plain(&mut self, rtp: &Rtp, bytes: &[u8], now: Time) -> Result<(), Drop> {
        let own = self.binding().ok_or(Drop::NoCall)?.place().ssrc;
        if rtp.ssrc == own {
            return Err(Drop::Impostor);
        }
        let speaker = self.phase.speaker(rtp.ssrc).ok_or(Drop::Stranger)?;
        let first = !speaker.heard;
        let taken = speaker.take(rtp, &bytes[RTP_BYTES..], own, now);
        let first = first && speaker.heard;
        self.opened(rtp.ssrc, first, taken, now)
    }

    /// Passes on what was in a packet, and what it means that it came.
    fn opened(
        &mut self,
        ssrc: Ssrc,
        first: bool,
        opened: Result<Option<Opened>, Drop>,
        now: Time,
    ) -> Result<(), Drop> {
        let Phase::Live(live) = &mut self.phase else { return Err(Drop::NoCall) };
        let call = live.binding.place().call;
        if first {
            self.out.push_back(MediaOutput::Event(CallEvent::Heard { call, ssrc }));
        }
        let opened = opened?;
        live.silence.end(now);
        match opened {
            None => {}
            Some(Opened::Report { hung_up, news }) => {
                self.out.extend(news.map(MediaOutput::Member));
                let told = live.speakers.get_mut(ssrc).is_none_or(|speaker| speaker.hung_up);
                if let Some(speaker) = live.speakers.get_mut(ssrc).filter(|_| hung_up && !told) {
                    speaker.hung_up = true;
                    self.tell(CallEvent::HungUp { call, ssrc });
                }
                self.steer(now);
            }
            Some(Opened::Voice { seq, timestamp, frame, copies }) => {
                let Copies { found, reach, samples } = copies;
                // First what is older, so that a hole is filled before it is asked for.
                for (back, frame) in found.into_iter().flatten() {
                    let timestamp = timestamp.wrapping_sub(u32::from(back) * samples);
                    let (speaker, seq, copy) = (ssrc, seq - u64::from(back), true);
                    self.out.push_back(MediaOutput::Play { speaker, seq, timestamp, frame, copy, reach });
                }
                let (speaker, copy) = (ssrc, false);
                self.out.push_back(MediaOutput::Play { speaker, seq, timestamp, frame, copy, reach });
            }
        }
        Ok(())
    }
}

impl Phase {
    /// A speaker of a live call.
    fn speaker(&mut self, ssrc: Ssrc) -> Option<&mut Speaker> {
        let Self::Live(live) = self else { return None };
        live.speakers.get_mut(ssrc)
    }
}
