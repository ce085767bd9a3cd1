//! What was typed.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use tincan_server::config::{
    Level, Registration, parse_listen, parse_plain_binary, parse_plain_text, parse_public,
};

/// A small server for voice calls and chat between terminals.
///
/// Without arguments it makes what it needs, listens on port 8462 (TCP and UDP) and prints an invite: give that
/// line to your friends, who say `tincan INVITE`.
#[derive(Debug, Parser)]
#[command(name = "tincand", version, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Settings in TOML; flags go before it
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// Where keys, accounts and the invite are kept
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) data: Option<PathBuf>,
    /// Where to listen, TCP and UDP; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", value_parser = parse_listen, global = true)]
    pub(crate) listen: Option<SocketAddr>,
    /// What invites call this server; another port than its own must be forwarded to it, TCP and UDP
    #[arg(long, value_name = "HOST[:PORT]", value_parser = parse_public, global = true)]
    pub(crate) public: Option<(String, Option<u16>)>,
    /// Speak the plain binary protocol here too, not encrypted [port 9999, voice on UDP 8085]
    #[arg(long, value_name = "ADDR[:PORT]", value_parser = parse_plain_binary, global = true)]
    pub(crate) plain_binary: Option<SocketAddr>,
    /// Speak the plain text protocol here too, not encrypted [port 2000]
    #[arg(long, value_name = "ADDR[:PORT]", value_parser = parse_plain_text, global = true)]
    pub(crate) plain_text: Option<SocketAddr>,
    /// Who may make an account
    #[arg(long, value_enum, value_name = "WHO", global = true)]
    pub(crate) registration: Option<Who>,
    /// No echo friend
    #[arg(long, global = true)]
    pub(crate) no_echo: bool,
    /// How much to log, on stderr
    #[arg(long, value_enum, value_name = "LEVEL", global = true)]
    pub(crate) log: Option<LogLevel>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the server's invite
    Invite {
        /// Make a new one; the one before admits nobody any more
        #[arg(long)]
        new: bool,
    },
    /// Read the settings, say what is wrong with them, and do nothing
    CheckConfig {
        /// The file; without one, the one that would be used
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Print what a shell needs to complete arguments
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Who {
    /// Whoever holds an invite
    Invite,
    /// Everybody
    Open,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl From<Who> for Registration {
    fn from(who: Who) -> Self {
        match who {
            Who::Invite => Self::Invite,
            Who::Open => Self::Open,
        }
    }
}

impl From<LogLevel> for Level {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::Error,
            LogLevel::Warn => Self::Warn,
            LogLevel::Info => Self::Info,
            LogLevel::Debug => Self::Debug,
            LogLevel::Trace => Self::Trace,
        }
    }
}

const AFTER_HELP: &str = "\
Settings: $XDG_CONFIG_HOME/tincand/tincand.toml if it is there. Data: $XDG_DATA_HOME/tincand.
Signals: SIGTERM or SIGINT ends in order, a second one at once; SIGUSR1 logs the counters.
Exit codes: 0 ended in order, 1 failed, 2 usage or settings.";
