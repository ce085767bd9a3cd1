//! What is typed after `tincan call` and `tincan answer`.

use std::net::IpAddr;

use clap::Args as Group;
use proto::id::{Fingerprint, Name};

use super::{Args, pin};
use crate::target::{Protocol, Target};

/// Where to go and who to be, for what is done instead of the screen. The same words as without a subcommand.
#[derive(Clone, Debug, Group)]
pub struct Login {
    /// The server, or an invite; without it, the server used last
    #[arg(long, value_name = "INVITE | HOST[:PORT]", value_parser = Target::parse)]
    pub server: Option<Target>,

    /// The name to take on a server that does not know you yet
    #[arg(long)]
    pub name: Option<Name>,

    /// What the server speaks; nothing is encrypted with the plain ones
    #[arg(long, value_name = "PROTOCOL", value_enum, default_value_t)]
    pub protocol: Protocol,

    /// The local address for connections and voice of a plain protocol
    #[arg(long, value_name = "ADDR")]
    pub bind: Option<IpAddr>,

    /// The sound, when there is neither --in nor --out: default, null, tone, loopback, wav:IN.wav,OUT.wav, or a
    /// device's name
    #[arg(long, value_name = "SPEC")]
    pub device: Option<String>,

    /// The server's fingerprint; anything else is refused
    #[arg(long, value_name = "SHA256:...", value_parser = pin)]
    pub pin: Option<Fingerprint>,
}

/// Where the sound of a call flows.
#[derive(Clone, Debug, Group)]
pub struct Pipes {
    /// What is said: a WAV file, or - for standard input (16-bit signed little-endian, 48 kHz, mono; WAV, too)
    #[arg(long = "in", value_name = "FILE|-", conflicts_with = "device")]
    pub input: Option<String>,

    /// What is heard: into a WAV file, or - for standard output (16-bit signed little-endian, 48 kHz, mono)
    #[arg(long = "out", value_name = "FILE|-", conflicts_with = "device")]
    pub output: Option<String>,
}

/// `tincan call`
#[derive(Clone, Debug, Group)]
pub struct Call {
    /// Whom to call
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<Name>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "the words of a field are its group's help")]
    pub pipes: Pipes,
    #[command(flatten)]
    #[expect(missing_docs, reason = "the words of a field are its group's help")]
    pub login: Login,
}

/// `tincan answer`
#[derive(Clone, Debug, Group)]
pub struct Answer {
    /// Whose calls to answer; others are declined [default: every contact's]
    #[arg(value_name = "NAME")]
    pub from: Vec<Name>,
    /// End after the first call
    #[arg(long)]
    pub once: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "the words of a field are its group's help")]
    pub pipes: Pipes,
    #[command(flatten)]
    #[expect(missing_docs, reason = "the words of a field are its group's help")]
    pub login: Login,
}

impl Args {
    /// Puts what a subcommand says about the login where it stands without one, so that there is one way on.
    pub fn unfolded(mut self) -> Self {
        let login = match &self.act {
            Some(super::Act::Call(call)) => call.login.clone(),
            Some(super::Act::Answer(answer)) => answer.login.clone(),
            Some(super::Act::Invite | super::Act::CheckConfig) | None => return self,
        };
        let Login { server, name, protocol, bind, device, pin } = login;
        (self.server, self.name, self.protocol) = (server, name, protocol);
        (self.bind, self.device, self.pin) = (bind, device, pin);
        self
    }
}

/// What stands under the help of both.
pub(super) const AFTER: &str = "\
With --in or --out no sound card is touched: a half that is not named is silent. What is said is held back until \
somebody in the call can hear it; when it ends, the call does. Status lines go to standard error. Ctrl-C hangs up.

Examples:
  tincan call bob
  espeak-ng --stdout 'lunch is ready' | tincan call bob --in -
  tincan call echo --in hello.wav --out back.wav
  tincan answer --once --out - | ffmpeg -f s16le -ar 48000 -ac 1 -i - message.ogg";
