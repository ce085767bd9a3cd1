//! One connection to the sound server: the handshake, questions and their answers, and messages cut from a stream of
//! bytes. Every wait has an end, and every message a longest length.

use std::ffi::CString;
use std::io::{self, Cursor, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use pulseaudio::protocol::{
    self, AuthParams, AuthReply, Command, CommandReply, DESCRIPTOR_SIZE, MAX_VERSION, Prop, Props,
    PulseError, SetClientNameReply, TagStructReader,
};

/// How long a sound server may take to answer before it counts as hung.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);
/// The longest message believed: a list of some hundred devices.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// The length of a cookie, as PulseAudio's native protocol has it.
const COOKIE_BYTES: usize = 256;
/// Messages about other things read while an answer is waited for.
const OTHERS_MAX: usize = 10_000;
/// The channel of messages that are not sound.
pub(super) const COMMANDS: u32 = u32::MAX;

/// Why the server did not do it.
#[derive(Debug)]
pub(super) enum Failure {
    /// It said no.
    Refused(PulseError),
    /// It is not there, went away, or does not make sense.
    Lost,
}

impl From<io::Error> for Failure {
    fn from(_: io::Error) -> Self {
        Self::Lost
    }
}

impl From<protocol::ProtocolError> for Failure {
    fn from(_: protocol::ProtocolError) -> Self {
        Self::Lost
    }
}

/// The number of a question, and yes or no.
type Answer = (u32, Result<(), PulseError>);

/// A connection that was let in.
pub(super) struct Link {
    pub(super) socket: UnixStream,
    version: u16,
    next: u32,
    read: Vec<u8>,
    news: bool,
}

impl Link {
    pub(super) fn connect() -> Result<Self, Failure> {
        let path = pulseaudio::socket_path_from_env().ok_or(Failure::Lost)?;
        let socket = UnixStream::connect(path)?;
        socket.set_read_timeout(Some(ANSWER_TIME_MAX))?;
        socket.set_write_timeout(Some(ANSWER_TIME_MAX))?;
        let mut link = Self { socket, version: MAX_VERSION, next: 0, read: Vec::new(), news: false };
        let cookie = cookie();
        let auth = AuthParams { version: MAX_VERSION, supports_shm: false, supports_memfd: false, cookie };
        let answer: AuthReply = link.ask(&Command::Auth(auth))?;
        link.version = MAX_VERSION.min(answer.version);
        let mut about = Props::new();
        about.set(Prop::ApplicationName, c"tincan");
        if let Ok(pid) = CString::new(std::process::id().to_string()) {
            about.set(Prop::ApplicationProcessId, pid);
        }
        let _: SetClientNameReply = link.ask(&Command::SetClientName(about))?;
        Ok(link)
    }

    /// Asks and waits for the answer.
    pub(super) fn ask<R: CommandReply>(&mut self, command: &Command) -> Result<R, Failure> {
        self.round_trip(command)?;
        let version = self.version;
        let mut answer = Cursor::new(&self.read);
        Command::read_tag_prefixed(&mut answer, version)?;
        Ok(TagStructReader::new(&mut answer, version).read()?)
    }

    /// Asks for something that is answered with yes or no.
    pub(super) fn order(&mut self, command: &Command) -> Result<(), Failure> {
        self.round_trip(command)
    }

    /// Reads what came unasked, without waiting; whether that was news about devices.
    pub(super) fn read_news(&mut self) -> Result<bool, Failure> {
        self.socket.set_nonblocking(true)?;
        let mut first = [0];
        let waiting = loop {
            match self.socket.read(&mut first) {
                Ok(0) => break Err(Failure::Lost),
                Ok(_) => {
                    // The rest of a message comes at once, or the server is broken.
                    self.socket.set_nonblocking(false)?;
                    self.message(Some(first[0]))?;
                    self.socket.set_nonblocking(true)?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break Ok(()),
                Err(_) => break Err(Failure::Lost),
            }
        };
        self.socket.set_nonblocking(false)?;
        waiting?;
        Ok(std::mem::take(&mut self.news))
    }

    /// Leaves the answer in `self.read`.
    fn round_trip(&mut self, command: &Command) -> Result<(), Failure> {
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        let bytes = encoded(number, command, self.version)?;
        self.socket.write_all(&bytes)?;
        for _ in 0..OTHERS_MAX {
            if let Some((of, answer)) = self.message(None)?
                && of == number
            {
                return answer.map_err(Failure::Refused);
            }
        }
        Err(Failure::Lost)
    }

    /// Reads one message, whose first byte may be there already; if it is an answer, tells to what, and whether it is
    /// yes.
    fn message(&mut self, first: Option<u8>) -> Result<Option<Answer>, Failure> {
        let mut header = [first.unwrap_or(0); DESCRIPTOR_SIZE];
        self.socket.read_exact(&mut header[usize::from(first.is_some())..])?;
        let (len, channel) = header_of(&header);
        if len > MESSAGE_BYTES_MAX {
            return Err(Failure::Lost);
        }
        self.read.resize(len, 0);
        self.socket.read_exact(&mut self.read)?;
        if channel != COMMANDS {
            return Ok(None);
        }
        // A message of a kind the library does not know is none for us.
        let Ok((number, message)) = Command::read_tag_prefixed(&mut Cursor::new(&self.read), self.version)
        else {
            return Ok(None);
        };
        self.news |= matches!(message, Command::SubscribeEvent(_));
        Ok(if let Command::Error(why) = message {
            Some((number, Err(why)))
        } else {
            (message == Command::Reply).then_some((number, Ok(())))
        })
    }

    /// The protocol version both sides speak.
    pub(super) fn version(&self) -> u16 {
        self.version
    }
}

#[expect(clippy::disallowed_methods, reason = "the cookie that lets us in is a file of the sound server")]
fn cookie() -> Vec<u8> {
    shown(pulseaudio::cookie_path_from_env().and_then(|path| std::fs::read(path).ok()))
}

/// The cookie as the server takes it. One that lets everybody in still refuses another length as nonsense: who has no
/// file (a fresh user, a container, sound forwarded over SSH) shows zeros, as libpulse does.
fn shown(read: Option<Vec<u8>>) -> Vec<u8> {
    read.filter(|cookie| cookie.len() == COOKIE_BYTES).unwrap_or_else(|| vec![0; COOKIE_BYTES])
}

/// A command as bytes.
pub(super) fn encoded(number: u32, command: &Command, version: u16) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    protocol::encode_command_message(&mut bytes, number, command, version)?;
    Ok(bytes)
}

/// Length and channel of the message that follows this header.
pub(super) fn header_of(header: &[u8; DESCRIPTOR_SIZE]) -> (usize, u32) {
    let [l0, l1, l2, l3, c0, c1, c2, c3, ..] = *header;
    (u32::from_be_bytes([l0, l1, l2, l3]) as usize, u32::from_be_bytes([c0, c1, c2, c3]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_cookie_shows_zeros_of_the_length_that_is_read() {
        assert_eq!(shown(None), vec![0; 256]);
        assert_eq!(shown(Some(Vec::new())), vec![0; 256]);
        assert_eq!(shown(Some(vec![7; 255])), vec![0; 256]);
        assert_eq!(shown(Some(vec![7; 256])), vec![7; 256]);
    }
}
