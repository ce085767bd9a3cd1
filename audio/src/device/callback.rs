//! What runs inside a sound card's callbacks, and nothing else may: samples between slice and ring, counters, and one
//! wake that does not block (a write to an eventfd). No lock, no allocation, no log, no panic; a test runs them under
//! an allocator that aborts.
//!
//! Any number of samples may be asked for or given, and it changes from call to call. Rings are mono; the device's
//! channels are averaged on the way in and filled alike on the way out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mio::Waker;

use crate::ring::{PcmRx, PcmTx};

/// What a fault that ends a stream counts, so that one is enough to have it rebuilt.
pub const FATAL: u64 = 1_000;

/// How often each callback ran: a device whose count stands still is dead.
#[derive(Debug, Default)]
pub struct Pulse {
    calls: AtomicU64,
    faults: AtomicU64,
}

impl Pulse {
    /// Callbacks so far.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Errors so far, as told by [`Pulse::fault`].
    pub fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    /// All that an error callback does. A broken device may call it thirty thousand times a second.
    pub fn fault(&self, weight: u64) {
        self.faults.fetch_add(weight, Ordering::Relaxed);
    }

    fn beat(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }
}

/// A microphone's callback.
pub struct MicrophoneCallback {
    ring: PcmTx,
    channels: usize,
    wake_at: usize,
    pulse: Arc<Pulse>,
    waker: Arc<Waker>,
}

impl MicrophoneCallback {
    /// Wakes the voice thread once `wake_at` samples wait: some systems hand them over in crumbs.
    pub fn new(ring: PcmTx, channels: u16, wake_at: usize, pulse: Arc<Pulse>, waker: Arc<Waker>) -> Self {
        Self { ring, channels: usize::from(channels.max(1)), wake_at, pulse, waker }
    }

    /// Takes interleaved samples.
    pub fn take<T: Copy>(&mut self, samples: &[T], to_f32: impl Fn(T) -> f32) {
        let count = samples.len() / self.channels;
        let mut frames = samples.chunks_exact(self.channels);
        let share = 1.0 / self.channels as f32;
        self.ring.push_with(count, || {
            frames.next().map_or(0.0, |frame| frame.iter().map(|sample| to_f32(*sample)).sum::<f32>() * share)
        });
        self.ring.counters().saw(count);
        self.pulse.beat();
        if self.ring.len() >= self.wake_at {
            // A wake that fails finds the voice thread awake, or gone.
            let _ = self.waker.wake();
        }
    }
}

/// A speaker's callback.
pub struct SpeakerCallback {
    ring: PcmRx,
    channels: usize,
    pulse: Arc<Pulse>,
    waker: Arc<Waker>,
}

impl SpeakerCallback {
    /// Wakes the voice thread after each call, so that it refills the ring, unless the ring is pulled.
    pub fn new(ring: PcmRx, channels: u16, pulse: Arc<Pulse>, waker: Arc<Waker>) -> Self {
        Self { ring, channels: usize::from(channels.max(1)), pulse, waker }
    }

    /// Asks the voice thread for `count` samples and waits for them, about as long as `patience`: for a sound system
    /// on a thread of its own. Only with a ring of [`crate::ring::pulled_pcm`].
    pub fn wait_for(&mut self, count: usize, patience: Duration) {
        let waker = &self.waker;
        self.ring.demand(count, patience, || drop(waker.wake()));
    }

    /// Samples that [`Self::give`] can give now without silence.
    pub fn ready(&self) -> usize {
        self.ring.len()
    }

    /// What is behind the samples of the last demand: what would come next. Says how much of `out` that is.
    pub fn take_coming(&mut self, out: &mut [f32]) -> usize {
        self.ring.pop(out)
    }

    /// Fills interleaved samples; what the ring lacks is silence.
    pub fn give<T: Copy>(&mut self, samples: &mut [T], from_f32: impl Fn(f32) -> T) {
        let count = samples.len() / self.channels;
        for frame in samples.chunks_mut(self.channels) {
            frame.fill(from_f32(self.ring.next_or_silence()));
        }
        self.ring.counters().saw(count);
        self.pulse.beat();
        if !self.ring.counters().is_pulled() {
            let _ = self.waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring;

    fn waker() -> (mio::Poll, Arc<Waker>) {
        let poll = mio::Poll::new().unwrap();
        let waker = Waker::new(poll.registry(), mio::Token(0)).unwrap();
        (poll, Arc::new(waker))
    }

    fn woken(poll: &mut mio::Poll) -> bool {
        let mut events = mio::Events::with_capacity(4);
        poll.poll(&mut events, Some(std::time::Duration::ZERO)).unwrap();
        !events.is_empty()
    }

    #[test]
    fn channels_are_averaged_in_and_filled_alike_out() {
        let (_poll, waker) = waker();
        let pulse = Arc::new(Pulse::default());
        let (tx, mut rx) = ring::pcm(16);
        MicrophoneCallback::new(tx, 2, 1, pulse.clone(), waker.clone())
            .take(&[16_384i16, 0, -32_768, -32_768], |sample| f32::from(sample) / 32_768.0);
        let mut got = [0.0; 3];
        assert_eq!(rx.pop(&mut got), 2);
        assert_eq!(got[..2], [0.25, -1.0]);

        let (mut tx, rx) = ring::pcm(16);
        tx.push(&[0.5, -0.5]);
        let mut out = [9i16; 9];
        SpeakerCallback::new(rx, 3, pulse.clone(), waker).give(&mut out, |sample| (sample * 100.0) as i16);
        assert_eq!(out, [50, 50, 50, -50, -50, -50, 0, 0, 0]);
        assert_eq!((tx.counters().starved(), pulse.calls()), (1, 2));
    }

    #[test]
    fn the_voice_thread_is_woken_when_there_is_work_for_it() {
        let (mut poll, waker) = waker();
        let (tx, _rx) = ring::pcm(1_000);
        let mut callback = MicrophoneCallback::new(tx, 1, 240, Arc::default(), waker);
        callback.take(&[0.0f32; 100], |sample| sample);
        assert!(!woken(&mut poll), "crumbs are not worth a wake");
        callback.take(&[0.0f32; 140], |sample| sample);
        assert!(woken(&mut poll));
    }
}
