//! Signals as events of the loop: each sets its flag and wakes the poll through a pipe; nothing happens in the
//! handler itself.

use std::io::{self, Read as _};
use std::os::unix::net::UnixStream as StdStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mio::net::UnixStream;
use mio::{Interest, Registry, Token};
use signal_hook::SigId;
use signal_hook::consts::signal::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGWINCH};

/// What the outside world asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM, or SIGQUIT, which would leave the terminal as it is: end in order.
    Terminate,
    /// SIGINT from outside (in raw mode ^C is a key).
    Interrupt,
    /// SIGHUP: the terminal is gone.
    HangUp,
    /// SIGWINCH: the window may have another size.
    Resize,
    /// SIGTSTP: stop, but give the terminal back first.
    Stop,
    /// SIGCONT: we were stopped.
    Continue,
}

const ALL: [(i32, Signal); 7] = [
    (SIGTERM, Signal::Terminate),
    (SIGQUIT, Signal::Terminate),
    (SIGINT, Signal::Interrupt),
    (SIGHUP, Signal::HangUp),
    (SIGWINCH, Signal::Resize),
    (SIGTSTP, Signal::Stop),
    (SIGCONT, Signal::Continue),
];

/// The signals we listen to.
pub struct Signals {
    wake: UnixStream,
    flags: Vec<(Signal, Arc<AtomicBool>)>,
    ids: Vec<SigId>,
}

impl Signals {
    /// Listens to the signals of `wanted`; the others keep what they do by default.
    pub fn listen(wanted: &[Signal]) -> io::Result<Self> {
        let (read, write) = StdStream::pair()?;
        read.set_nonblocking(true)?;
        write.set_nonblocking(true)?;
        let mut signals = Self { wake: UnixStream::from_std(read), flags: Vec::new(), ids: Vec::new() };
        for (number, signal) in ALL.iter().filter(|(_, signal)| wanted.contains(signal)) {
            let flag = Arc::new(AtomicBool::new(false));
            // The flag first: when the pipe wakes the loop, it must already be up.
            signals.ids.push(signal_hook::flag::register(*number, Arc::clone(&flag))?);
            signals.ids.push(signal_hook::low_level::pipe::register(*number, write.try_clone()?)?);
            signals.flags.push((*signal, flag));
        }
        Ok(signals)
    }

    /// Listens to what ends a program without a screen, woken under `token`.
    ///
    /// # Errors
    /// When the system gives no pipe or the poll takes no more.
    pub fn to_end(registry: &Registry, token: Token) -> io::Result<Self> {
        let mut signals = Self::listen(&[Signal::Terminate, Signal::Interrupt, Signal::HangUp])?;
        registry.register(signals.source(), token, Interest::READABLE)?;
        Ok(signals)
    }

    /// For the poll: readable when a signal came.
    pub fn source(&mut self) -> &mut UnixStream {
        &mut self.wake
    }

    /// A signal that came is dealt with already.
    pub fn forget(&mut self, signal: Signal) {
        if let Some((_, flag)) = self.flags.iter().find(|(listed, _)| *listed == signal) {
            flag.store(false, Ordering::SeqCst);
        }
    }

    /// The signals that came since the last call, each once.
    pub fn take(&mut self) -> Vec<Signal> {
        let mut bin = [0; 64];
        while matches!(self.wake.read(&mut bin), Ok(n) if n > 0) {}
        self.flags
            .iter()
            .filter(|(_, flag)| flag.swap(false, Ordering::SeqCst))
            .map(|(signal, _)| *signal)
            .collect()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for id in self.ids.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::{Events, Interest, Poll, Token};
    use std::time::Duration;

    #[test]
    fn a_signal_wakes_the_poll_and_is_told_once() {
        let mut signals = Signals::listen(&[Signal::Resize]).unwrap();
        let mut poll = Poll::new().unwrap();
        poll.registry().register(signals.source(), Token(0), Interest::READABLE).unwrap();
        signal_hook::low_level::raise(SIGWINCH).unwrap();
        signal_hook::low_level::raise(SIGWINCH).unwrap();
        let mut events = Events::with_capacity(4);
        poll.poll(&mut events, Some(Duration::from_secs(10))).unwrap();
        assert_eq!(events.iter().count(), 1);
        assert_eq!(signals.take(), [Signal::Resize]);
        assert_eq!(signals.take(), []);
    }
}
