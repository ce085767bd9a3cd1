//! What is typed after `tincan doctor` and `tincan echo`.

use clap::Args as Group;

use super::Away;
use crate::target::Target;

/// `tincan doctor`
#[derive(Clone, Debug, Group)]
pub struct Doctor {
    /// Look at the sound alone: devices, callbacks, the microphone's level, the way from speaker to microphone, the codec
    #[arg(long)]
    pub audio: bool,
    /// The sound to look at: default, null, tone, loopback, wav:IN.wav,OUT.wav, or a device's name
    #[arg(long, value_name = "SPEC")]
    pub device: Option<String>,
    /// The server to look at, or an invite to it; without it, the server used last
    #[arg(long, value_name = "INVITE | HOST[:PORT]", value_parser = Target::parse)]
    pub server: Option<Target>,
    /// One JSON object per check instead of lines
    #[arg(long)]
    pub json: bool,
}

/// `tincan echo`
#[derive(Clone, Debug, Group)]
pub struct Echo {
    /// Do not call the server's echo afterwards
    #[arg(long)]
    pub local: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "the words of a field are its group's help")]
    pub away: Away,
}
