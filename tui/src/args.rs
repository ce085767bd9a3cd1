//! What was typed.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use proto::id::{Fingerprint, Name};
use proto::media::DelayMode;
use proto::media::processing::{Wish, Wishes};

use crate::target::{Protocol, Target};

mod configuration;
mod doctor;
mod remote;
mod talk;

pub use configuration::{Configuration, Look as ConfigLook};
pub use doctor::{Doctor, Echo};
pub use remote::{Mute, Ptt, Status};
pub use talk::{Answer, Away, Call, Pipes};

/// Voice calls and chat for people who live in terminals.
#[derive(Clone, Debug, Parser)]
#[command(name = "tincan", version, about, args_conflicts_with_subcommands = true, after_help = AFTER)]
pub struct Args {
    /// An invite (tincan://...) or a server, HOST[:PORT]; without it, the server used last
    #[arg(value_name = "INVITE | HOST[:PORT]", value_parser = server)]
    pub server: Option<Target>,

    /// The directory that holds who you are [default: your data directory]
    #[arg(long, value_name = "DIR", global = true)]
    pub profile: Option<PathBuf>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "the words of a field are its group's help")]
    pub login: Login,

    /// Take the speaker's echo out of the microphone: auto, on or off [default: as configured, or auto]
    #[arg(long, value_name = "WISH", value_parser = wish)]
    pub echo_cancel: Option<Wish>,

    /// Take steady noise out of the microphone: auto, on or off
    #[arg(long, value_name = "WISH", value_parser = wish)]
    pub noise_suppression: Option<Wish>,

    /// Raise a quiet voice: auto, on or off
    #[arg(long, value_name = "WISH", value_parser = wish)]
    pub gain_control: Option<Wish>,

    /// What is dearer: ordinary (sound), low (delay: frames of 5 ms), or path (delay where the way is short)
    #[arg(long, value_name = "MODE", value_parser = delay)]
    pub delay: Option<DelayMode>,

    /// No screen: commands on standard input, one JSON object per event on standard output
    #[arg(long)]
    pub headless: bool,

    /// Lines instead of the screen, for screen readers, dumb terminals, scripts and bad links: /help lists the commands
    #[arg(long, conflicts_with = "headless")]
    pub plain: bool,

    /// Draw with letters only
    #[arg(long, conflicts_with = "headless")]
    pub ascii: bool,

    /// No colours (NO_COLOR does the same)
    #[arg(long, conflicts_with = "headless")]
    pub no_color: bool,

    /// Simulated people, calls and loss: no server, no sound, and nothing is kept
    #[arg(long, conflicts_with_all = ["headless", "server", "profile"])]
    pub demo: bool,

    /// Where the clock of the demonstration stands still, so that pictures of it are alike
    #[arg(long, value_name = "HH:MM", requires = "demo", hide = true, value_parser = minute)]
    pub demo_clock: Option<u16>,

    /// What everybody in the demonstration says, whatever bytes it has: for tests of the screen
    #[arg(long, value_name = "TEXT", requires = "demo", hide = true)]
    pub demo_words: Option<String>,

    /// The configuration file [default: config.toml in your configuration directory]
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,

    /// How much to log: error, warn, info or debug
    #[arg(long, value_name = "LEVEL", default_value = "warn", global = true)]
    pub log: tracing::Level,

    #[command(subcommand)]
    pub act: Option<Act>,
}

/// Who to be and how to get there.
#[derive(Clone, Debug, clap::Args)]
pub struct Login {
    /// The name to take on a server that does not know you yet
    #[arg(long)]
    pub name: Option<Name>,

    /// What the server speaks; nothing is encrypted with the plain ones
    #[arg(long, value_name = "PROTOCOL", value_enum, default_value_t)]
    pub protocol: Protocol,

    /// The local address for connections and voice of a plain protocol
    #[arg(long, value_name = "ADDR")]
    pub bind: Option<IpAddr>,

    /// The sound: default, null, tone, loopback, wav:IN.wav,OUT.wav, or a device's name
    #[arg(long, value_name = "SPEC")]
    pub device: Option<String>,

    /// Another microphone than that device's, by its name
    #[arg(long, value_name = "NAME")]
    pub microphone: Option<String>,

    /// Another speaker
    #[arg(long, value_name = "NAME")]
    pub speaker: Option<String>,

    /// The server's fingerprint; anything else is refused
    #[arg(long, value_name = "SHA256:...", value_parser = pin)]
    pub pin: Option<Fingerprint>,
}

/// What to do instead of the screen.
#[derive(Clone, Debug, Subcommand)]
pub enum Act {
    /// Call somebody, or several at once: by the sound card, or from and to files and pipes
    #[command(after_help = talk::AFTER)]
    Call(Call),
    /// Answer the call that rings in the running tincan; if none runs, wait for calls and answer them: by the sound card, or from and to files and pipes
    #[command(after_help = talk::AFTER)]
    Answer(Answer),
    /// Record three seconds, play them back, then call the server's echo
    Echo(Echo),
    /// Look at what a call needs of this machine, and say what to do about what fails
    Doctor(Doctor),
    /// Mute the microphone of the running tincan, or take that back
    #[command(after_help = remote::AFTER)]
    Mute(Mute),
    /// Hang up in the running tincan, stop calling, or decline
    #[command(after_help = remote::AFTER)]
    Hangup,
    /// Press to talk in the running tincan, or let go; needs transmit = "ptt" there
    #[command(after_help = remote::AFTER)]
    Ptt(Ptt),
    /// Tell how the running tincan is
    #[command(after_help = remote::AFTER)]
    Status(Status),
    /// Print a link that makes whoever uses it your contact
    Invite,
    /// Look at the configuration: what is wrong with it, and what is in force
    Config(Configuration),
    /// Print what a shell needs to complete arguments
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// The server to go to. A command behind options is read as one, which would be a riddle.
fn server(text: &str) -> Result<Target, String> {
    if Act::has_subcommand(text) {
        return Err(format!(
            "{text} is a command and comes first: tincan {text} OPTIONS; a server: {text}:8462"
        ));
    }
    Target::parse(text).map_err(|why| why.to_string())
}

fn delay(text: &str) -> Result<DelayMode, &'static str> {
    DelayMode::parse(text).ok_or("say ordinary, low or path")
}

fn minute(text: &str) -> Result<u16, &'static str> {
    let parts = text.split_once(':').and_then(|(hour, minute)| hour.parse().ok().zip(minute.parse().ok()));
    let minute = parts.filter(|(hour, minute): &(u16, u16)| *hour < 24 && *minute < 60);
    minute.map(|(hour, minute)| hour * 60 + minute).ok_or("say a time of day: 14:32")
}

fn pin(text: &str) -> Result<Fingerprint, &'static str> {
    Fingerprint::parse(text).ok_or("a fingerprint is SHA256: and 43 characters, as the server prints it")
}

fn wish(text: &str) -> Result<Wish, &'static str> {
    Wish::parse(text).ok_or("say auto, on or off")
}

impl Args {
    /// What is done to our own voice: what was typed, else what is configured.
    pub fn processing(&self, configured: Wishes) -> Wishes {
        Wishes {
            echo: self.echo_cancel.unwrap_or(configured.echo),
            noise: self.noise_suppression.unwrap_or(configured.noise),
            gain: self.gain_control.unwrap_or(configured.gain),
        }
    }
}

const AFTER: &str = "\
Exit codes: 0 ok, 1 failed, 2 usage or not a terminal, 3 server unreachable, 4 refused (key or name), \
5 peer unavailable or declined, 6 no audio device, 130 interrupted.";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_table_of_arguments_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn what_is_typed_of_the_voice_wins() {
        let args = parse("tincan --echo-cancel off --gain-control auto host").unwrap();
        let configured = Wishes { echo: Wish::On, noise: Wish::On, gain: Wish::On };
        let wishes = Wishes { echo: Wish::Off, noise: Wish::On, gain: Wish::Auto };
        assert_eq!(args.processing(configured), wishes);
        assert!(parse("tincan --noise-suppression maybe host").is_err());
    }

    #[test]
    fn a_server_or_an_act() {
        let args = parse("tincan --headless --profile p --name bob --device null host:7").unwrap();
        assert_eq!(args.server.unwrap().address.to_string(), "host:7");
        assert!(args.headless && args.act.is_none());
        let args = parse("tincan invite --profile p").unwrap();
        assert!(matches!(args.act, Some(Act::Invite)) && args.profile == Some("p".into()));
        assert!(parse("tincan").unwrap().server.is_none());
        let args = parse("tincan --protocol text --bind 127.0.0.2 host").unwrap();
        assert_eq!(
            (args.login.protocol, args.login.bind),
            (Protocol::Text, Some(IpAddr::from([127, 0, 0, 2])))
        );
        assert_eq!(parse("tincan host").unwrap().login.protocol, Protocol::Native);
        let args = parse("tincan --demo --demo-clock 14:32").unwrap();
        assert!(args.demo && args.demo_clock == Some(14 * 60 + 32));
        for wrong in ["tincan --demo host", "tincan --demo --headless", "tincan --demo-clock 14:32"] {
            assert_eq!(parse(wrong).unwrap_err().exit_code(), 2, "{wrong}");
        }
    }

    #[test]
    fn a_call_from_the_shell() {
        let args = parse("tincan call bob carol --in - --out o.wav --name alice --server h:7 --profile p");
        let args = args.unwrap().unfolded();
        assert_eq!(args.login.name.unwrap().as_str(), "alice");
        assert_eq!((args.server.unwrap().address.port, args.profile), (7, Some("p".into())));
        let Some(Act::Call(call)) = args.act else { panic!("a call") };
        assert_eq!(call.names.len(), 2);
        assert_eq!((call.pipes.input.as_deref(), call.pipes.output.as_deref()), (Some("-"), Some("o.wav")));
        let args = parse("tincan answer --once").unwrap().unfolded();
        assert!(matches!(args.act, Some(Act::Answer(answer)) if answer.once && answer.from.is_empty()));
        let args = parse("tincan doctor --audio --device null").unwrap();
        assert!(matches!(args.act, Some(Act::Doctor(doctor)) if doctor.device.as_deref() == Some("null")));
        assert!(matches!(parse("tincan echo --local").unwrap().act, Some(Act::Echo(echo)) if echo.local));
        for wrong in
            ["tincan doctor x", "tincan call", "tincan call bob --in a.wav --device null", "tincan call b/b"]
        {
            assert_eq!(parse(wrong).unwrap_err().exit_code(), 2, "{wrong}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, said) in [
            ("tincan a/b", "HOST:PORT"),
            ("tincan tincan://host", "copy the whole line"),
            ("tincan --name 1234 host", "at least one letter"),
            ("tincan --pin MD5:1 host", "43 characters"),
            ("tincan --protocol morse host", "binary"),
            ("tincan --demo --demo-clock 24:00", "14:32"),
            ("tincan --delay none host", "ordinary, low or path"),
            ("tincan --profile p status", "tincan status OPTIONS"),
            ("tincan --bind localhost host", "invalid IP address"),
        ] {
            let why = parse(line).unwrap_err();
            assert!(why.to_string().contains(said), "{why}");
            assert_eq!(why.exit_code(), 2);
        }
    }
}
