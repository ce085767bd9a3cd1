//! What is typed after `tincan call` and `tincan answer`.

use clap::Args as Group;
use proto::id::Name;

use super::{Args, Login};
use crate::target::Target;

/// Where to go and who to be, for what is done instead of the screen.
#[derive(Clone, Debug, Group)]
pub struct Away {
    /// The server, or an invite; without it, the server used last
    #[arg(long, value_name = "INVITE | HOST[:PORT]", value_parser = Target::parse)]
    pub server: Option<Target>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "the words of a field are its group's help")]
    pub login: Login,
}

/// Where the sound of a call flows.
#[derive(Clone, Debug, Group)]
pub struct Pipes {
    /// What is said: a WAV file, or - for standard input (16-bit signed little-endian, 48 kHz, mono; WAV, too)
    #[arg(long = "in", value_name = "FILE|-", conflicts_with_all = ["device", "microphone", "speaker"])]
    pub input: Option<String>,

    /// What is heard: into a WAV file, or - for standard output (16-bit signed little-endian, 48 kHz, mono)
    #[arg(long = "out", value_name = "FILE|-", conflicts_with_all = ["device", "microphone", "speaker"])]
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
    pub away: Away,
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
    pub away: Away,
}

impl Args {
    /// Puts what a subcommand says about the login where it stands without one, so that there is one way on.
    pub fn unfolded(self) -> Self {
        let away = match &self.act {
            Some(super::Act::Call(call)) => call.away.clone(),
            Some(super::Act::Answer(answer)) => answer.away.clone(),
            Some(super::Act::Echo(echo)) => echo.away.clone(),
            // Nothing else logs in under another name than the session's.
            Some(_) | None => return self,
        };
        Self { server: away.server, login: away.login, ..self }
    }
}

/// What stands under the help of both.
pub(super) const AFTER: &str = "\
With --in or --out no sound card is touched: a half that is not named is silent. What is said is held back until \
somebody in the call can hear it; when it ends, the call does. Status lines go to standard error. Ctrl-C hangs up.

With transmit = \"ptt\" in the configuration, the microphone of a sound card is shut until you press: Enter opens it and \
shuts it, and so does tincan ptt from elsewhere. What --in names is said all the same.

Examples:
  tincan call bob
  espeak-ng --stdout 'lunch is ready' | tincan call bob --in -
  tincan call echo --in hello.wav --out back.wav
  tincan answer --once --out - | ffmpeg -f s16le -ar 48000 -ac 1 -i - message.ogg";
