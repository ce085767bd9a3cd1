//! `tincand`: arguments to settings to a running server, and signals to it.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use etcetera::BaseStrategy as _;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;
use tincan_server::system::ignores;
use tincan_server::{Config, Remote, Server, own_invite};

use args::{Args, Command};

mod args;
mod log;
mod manual;

fn main() -> ExitCode {
    let args = Args::parse();
    // Neither needs settings, and wrong ones are no reason to keep a manual back.
    let words = match &args.command {
        Some(Command::Completions { shell }) => Some(Ok(manual::completions(*shell))),
        Some(Command::Man) => Some(manual::man()),
        Some(Command::Invite { .. } | Command::CheckConfig { .. }) | None => None,
    };
    if let Some(words) = words {
        return words
            .and_then(|words| say(&words))
            .map_or_else(|error| fail(FAILED, &format!("{error:#}")), |()| ExitCode::SUCCESS);
    }
    let config = match settings(&args) {
        Ok(config) => config,
        Err(wrong) => return fail(USAGE, &wrong),
    };
    log::start(config.log);
    let outcome = match &args.command {
        Some(Command::Invite { new }) => own_invite(&config, *new).and_then(|invite| say(&invite)),
        Some(Command::CheckConfig { file }) => say(&checked(file.as_deref().or(args.config.as_deref()))),
        Some(Command::Completions { .. } | Command::Man) | None => serve(&config),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(FAILED, &format!("{error:#}")),
    }
}

/// What is to be done: defaults, then the file, then the flags.
fn settings(args: &Args) -> Result<Config, String> {
    let base = etcetera::base_strategy::Xdg::new().ok();
    let default_file = base.as_ref().map(|base| base.config_dir().join("tincand/tincand.toml"));
    let data = base.as_ref().map(|base| base.data_dir().join("tincand"));
    let mut config = Config::new(data.unwrap_or_default());
    let named = match &args.command {
        Some(Command::CheckConfig { file: Some(file) }) => Some(file),
        Some(_) | None => args.config.as_ref(),
    };
    if let Some(file) = named.or(default_file.as_ref().filter(|file| file.exists())) {
        let text = std::fs::read_to_string(file)
            .map_err(|error| format!("cannot read the settings in {}: {error}", file.display()))?;
        config.apply(&text).map_err(|wrong| wrong.in_file(file))?;
    }
    config.data = args.data.clone().unwrap_or(config.data);
    config.listen = args.listen.unwrap_or(config.listen);
    config.public = args.public.clone().or(config.public);
    config.plain_binary = args.plain_binary.or(config.plain_binary);
    config.plain_text = args.plain_text.or(config.plain_text);
    config.registration = args.registration.map_or(config.registration, Into::into);
    config.echo &= !args.no_echo;
    config.log = args.log.map_or(config.log, Into::into);
    if config.data == PathBuf::new() {
        return Err("no home directory to keep the data in: say where with --data DIR".into());
    }
    Ok(config)
}

fn checked(file: Option<&Path>) -> String {
    match file {
        Some(file) => format!("{}: the settings are good", file.display()),
        None => "the settings are good".to_owned(),
    }
}

/// What ends the wait of the main thread.
enum Note {
    Signal(i32),
    Ended(Result<()>),
}

fn serve(config: &Config) -> Result<()> {
    let (notes, inbox) = channel();
    // Before anything is started, so that no signal finds us half-ready and unready to end in order.
    forward_signals(notes.clone())?;
    let server = Server::start(config)?;
    let (addr, invite, stats, remote) =
        (server.addr(), server.invite().clone(), server.stats().clone(), server.remote());
    let doors = [("binary", server.plain_binary()), ("text", server.plain_text())];
    let doors = doors.map(|(protocol, addr)| match addr {
        Some(addr) => format!("The plain {protocol} protocol, not encrypted, on {addr}\n"),
        None => String::new(),
    });
    say(&format_args!(
        "tincand {} listens on {addr}, TCP and UDP; data in {}\n{}Your friends come in with: tincan INVITE\n{invite}",
        env!("CARGO_PKG_VERSION"),
        config.data.display(),
        doors.concat(),
    ))?;
    std::thread::Builder::new().name("end".into()).spawn(move || notes.send(Note::Ended(server.wait())))?;
    loop {
        match inbox.recv().context("nothing is left to wait for")? {
            Note::Ended(outcome) => return outcome,
            Note::Signal(SIGUSR1) => tracing::info!("{stats}"),
            Note::Signal(_) => return leave(&remote, &inbox),
        }
    }
}

/// Ends in order, unless a second signal or the clock is against it.
fn leave(remote: &Remote, inbox: &Receiver<Note>) -> Result<()> {
    tracing::info!("leaving");
    remote.leave();
    loop {
        match inbox.recv_timeout(END_TIME_MAX) {
            Ok(Note::Ended(outcome)) => return outcome,
            Ok(Note::Signal(SIGUSR1)) => {}
            Ok(Note::Signal(_)) => anyhow::bail!("interrupted a second time: ended at once"),
            Err(_) => anyhow::bail!("the end took longer than {} s: ended at once", END_TIME_MAX.as_secs()),
        }
    }
}

fn forward_signals(notes: Sender<Note>) -> Result<()> {
    // `nohup tincand` is to stay when the terminal goes.
    let hangup = Some(SIGHUP).filter(|signal| !ignores(*signal));
    let wanted = [SIGTERM, SIGINT, SIGUSR1].into_iter().chain(hangup);
    let mut signals = Signals::new(wanted).context("signals cannot be caught")?;
    let forward = move || signals.forever().try_for_each(|signal| notes.send(Note::Signal(signal)));
    std::thread::Builder::new().name("signals".into()).spawn(forward)?;
    Ok(())
}

/// To stdout, for people and scripts.
fn say(what: &dyn Display) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{what}").and_then(|()| out.flush()).context("cannot write to the standard output")
}

fn fail(code: u8, why: &str) -> ExitCode {
    // Nobody is left to tell if this fails too.
    let _ = writeln!(io::stderr(), "tincand: {why}");
    ExitCode::from(code)
}

const FAILED: u8 = 1;
const USAGE: u8 = 2;
const END_TIME_MAX: Duration = Duration::from_millis(4_500);
