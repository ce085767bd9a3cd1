//! `tincan`: what was typed and configured becomes one session of one profile, with a screen or without.

use std::io::{self, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use audio::codec::EncoderSettings;
use audio::device::flow::Flow;
use clap::Parser as _;
use proto::id::Name;
use tincan_tui::app::preferences::{Ears, Preferences};
use tincan_tui::app::transmit::Transmit;
use tincan_tui::app::{Glyphs, Look};
use tincan_tui::args::{Act, Args, ConfigLook, Doctor};
use tincan_tui::config::edit::Keeper;
use tincan_tui::config::source::Source;
use tincan_tui::config::{Config, check};
use tincan_tui::control::Request;
use tincan_tui::exit::Exit;
use tincan_tui::identity::{Opened, Profile, default_profile};
use tincan_tui::known::Known;
use tincan_tui::remote::{self, Form};
use tincan_tui::session::{Begin, Session};
use tincan_tui::talk::{Talk, Wish};
use tincan_tui::target::{Protocol, Target};
use tincan_tui::{demo, doctor, headless, hearing, invite, linear, manual, run, socket, terminal};

fn main() -> ExitCode {
    let outcome = start(Args::parse().unfolded());
    let exit = outcome.unwrap_or_else(|why| {
        complain(&format!("{why:#}"));
        Exit::Failed
    });
    exit.into()
}

fn start(args: Args) -> anyhow::Result<Exit> {
    if let Some(exit) = about_itself(&args)? {
        return Ok(exit);
    }
    // Whoever mutes in a hurry needs no configuration, and must not be kept from it by a wrong one.
    if let Some(exit) = ask(&args)? {
        return Ok(exit);
    }
    let config = match Config::read(args.config.as_deref()) {
        Ok(config) => config,
        Err(why) => return Ok(misused(&format!("{why:#}"))),
    };
    if args.demo {
        if let Err(why) = terminal::check(std::env::var("TERM").ok().as_deref()) {
            return Ok(misused(&why.to_string()));
        }
        return demo::run(demo::Begin {
            look: look(&args, &config),
            meter_hz: config.meter_hz,
            links: config.links,
            keys: config.keys,
            transmit: config.transmit,
            notify: config.notify,
            words: args.demo_words.clone(),
            stopped_at: args.demo_clock,
        });
    }
    let dir = profile_dir(&args)?;
    let making_invite = matches!(args.act, Some(Act::Invite));
    let talk = talk(&args);
    if let Some(talk) = &talk {
        talk.check()?;
    }
    log_to_stderr(args.log);
    // What was typed wrongly is said before somebody talks to their own microphone.
    if calls_echo(&args)
        && let Err(Nowhere::Misused(why)) = target(&args, &config, &dir)?
    {
        return Ok(misused(why));
    }
    if let Some(exit) = examine(&args, &config, &dir)? {
        return Ok(exit);
    }
    let target = match target(&args, &config, &dir)? {
        Ok(target) => target,
        // Nobody to call is no reason for a test of this machine to fail.
        Err(Nowhere::Unknown) if calls_echo(&args) => {
            complain("not called: no server is known; say tincan echo --server INVITE, or HOST[:PORT]");
            return Ok(Exit::Ok);
        }
        Err(why) => return Ok(misused(why.words())),
    };
    let wanted = if making_invite {
        Ears { device: "null".to_owned(), ..Ears::default() }
    } else {
        ears(&args, &config)
    };
    let flows = talk.as_ref().and_then(Talk::sound);
    let chosen = || -> Result<audio::Settings, String> {
        Ok(audio::Settings { device: hearing::choice(&wanted)?, ..audio::Settings::default() })
    };
    let sound = match flows.map_or_else(chosen, Ok) {
        Ok(sound) => sound,
        Err(why) => return Ok(misused(&why)),
    };
    if let Some(talk) = &talk
        && let Err(why) = talk.check_card(&sound.device, audio::device::system)
    {
        complain(&why);
        return Ok(Exit::NoDevice);
    }
    let processing = args.processing(config.processing);
    let delay = args.delay.or(config.delay).unwrap_or_default();
    let encoder = EncoderSettings { dtx: config.dtx, ..sound.encoder };
    let sound = audio::Settings { processing, delay, frame: config.frame, encoder, ..sound };
    if !args.headless
        && !args.plain
        && !making_invite
        && talk.is_none()
        && let Err(why) = terminal::check(std::env::var("TERM").ok().as_deref())
    {
        return Ok(misused(&why.to_string()));
    }
    let (protocol, bind) = (args.login.protocol, args.login.bind);
    if let Some(why) = bind.and_then(foreign) {
        return Ok(misused(&why));
    }
    let begin = Begin {
        target,
        protocol,
        bind,
        trust_first: args.headless || talk.is_some(),
        sound,
        recordings: config.recordings.clone(),
        earcons: config.wants_earcons(args.plain),
    };
    let opened = Profile::open(&dir)?;
    if making_invite {
        return invite::run(&dir, opened, begin);
    }
    let Opened::Ours(profile) = opened else {
        anyhow::bail!(
            "another tincan runs with the profile {}; use that one, or another --profile",
            dir.display()
        );
    };
    let name = args.login.name.clone().or(config.name.clone());
    if let Some(talk) = talk {
        return tincan_tui::talk::run(
            Session::open(profile, begin)?,
            Talk { name, transmit: config.transmit, ..talk },
        );
    }
    if args.plain {
        let (look, transmit, notify) = (look(&args, &config), config.transmit, config.notify);
        let lines = linear::Begin { look, transmit, notify, ears: wanted, name };
        return linear::run(Session::open(profile, begin)?, lines);
    }
    let log = run::open_log(&dir).with_context(|| format!("opening the log in {}", dir.display()))?;
    let session = Session::open(profile, begin)?;
    if args.headless {
        return headless::run(session, config.transmit, name);
    }
    let keeper = Keeper::new(args.config.as_deref())?;
    let begin = run::Begin {
        look: look(&args, &config),
        meter_hz: config.meter_hz,
        links: config.links,
        transmit: config.transmit,
        talk_key: config.talk_key,
        preferences: preferences(&args, &config, &keeper),
        keeper,
        notify: config.notify,
        keys: config.keys,
        name,
    };
    run::run(session, begin, log)
}

/// Asks a running client for what was typed, if that is for one; none when there is more to do.
fn ask(args: &Args) -> anyhow::Result<Option<Exit>> {
    let Some(act) = &args.act else { return Ok(None) };
    if let Act::Answer(answer) = act
        && answer.is_bare()
    {
        return remote::try_ask(&profile_dir(args)?, Request::Answer, Form::Words);
    }
    let json = matches!(act, Act::Status(status) if status.json);
    let form = if json { Form::Json } else { Form::Words };
    act.asks().map(|request| remote::run(&profile_dir(args)?, request, form)).transpose()
}

fn profile_dir(args: &Args) -> anyhow::Result<PathBuf> {
    args.profile.clone().map_or_else(default_profile, Ok)
}

/// What needs no configuration, or looks at it: a wrong one is no reason to keep a manual back.
fn about_itself(args: &Args) -> anyhow::Result<Option<Exit>> {
    let file = args.config.as_deref();
    match &args.act {
        Some(Act::Completions { shell }) => manual::completions(*shell)?,
        Some(Act::Man) => manual::man()?,
        Some(Act::Config(config)) => {
            let out = io::stdout().lock();
            let no_color = std::env::var("NO_COLOR").is_ok_and(|value| !value.is_empty());
            let source = match Source::read(file) {
                Ok(source) => source,
                Err(why) => return Ok(Some(misused(&format!("{why:#}")))),
            };
            return match config.look {
                ConfigLook::Check => check::check(&source, out).map(Some),
                ConfigLook::Show => check::show(&source, no_color, out).map(Some),
            };
        }
        Some(_) | None => return Ok(None),
    }
    Ok(Some(Exit::Ok))
}

/// Why there can be no connections from that address.
fn foreign(bind: IpAddr) -> Option<String> {
    let why = socket::check_local(bind).err()?;
    Some(format!("--bind {bind} cannot be used: {why}; name an address of this machine"))
}

/// The sound that was named, or the usual one.
fn device<'a>(args: &'a Args, config: &'a Config) -> &'a str {
    args.login.device.as_deref().or(config.device.as_deref()).unwrap_or("default")
}

/// What the settings begin with.
fn preferences(args: &Args, config: &Config, keeper: &Keeper) -> Preferences {
    Preferences {
        ears: ears(args, config),
        processing: args.processing(config.processing),
        delay: args.delay.or(config.delay).unwrap_or_default(),
        frame: config.frame.and_then(|frame| u8::try_from(frame.ms()).ok()),
        dtx: config.dtx,
        recordings: config.recordings.as_ref().map(|folder| folder.display().to_string()),
        file: keeper.shown(),
    }
}

/// The devices: what was typed wins over all that is configured.
fn ears(args: &Args, config: &Config) -> Ears {
    let login = &args.login;
    let device = device(args, config).to_owned();
    let configured = |half: &Option<String>| half.clone().filter(|_| login.device.is_none());
    Ears {
        device,
        microphone: login.microphone.clone().or_else(|| configured(&config.microphone)),
        speaker: login.speaker.clone().or_else(|| configured(&config.speaker)),
        ring: configured(&config.ring_device),
    }
}

/// Looks at this machine, when that was asked for; none when there is more to do.
fn examine(args: &Args, config: &Config, profile: &Path) -> anyhow::Result<Option<Exit>> {
    let named = match &args.act {
        Some(Act::Doctor(wanted)) => wanted.device.clone(),
        Some(Act::Echo(_)) => None,
        Some(_) | None => return Ok(None),
    };
    // What a call would take, unless another sound is to be looked at.
    let ears = match named {
        Some(device) => Ears { device, ..Ears::default() },
        None => ears(args, config),
    };
    let sound = match hearing::choice(&ears) {
        Ok(choice) => choice,
        Err(why) => return Ok(Some(misused(&why))),
    };
    if let Some(Act::Doctor(Doctor { audio, json, server, .. })) = &args.act {
        let server = patient(server.as_ref(), config, profile)?;
        let wanted = doctor::Wanted { sound, ring: ears.ring, only_sound: *audio, json: *json, server };
        return doctor::run(wanted).map(Some);
    }
    let exit = doctor::echo(sound)?;
    let goes_on = calls_echo(args) && exit == Exit::Ok;
    Ok((!goes_on).then_some(exit))
}

/// The server to look at, as a login would choose it, and the key it must have.
fn patient(
    named: Option<&Target>,
    config: &Config,
    profile: &Path,
) -> anyhow::Result<Option<doctor::Server>> {
    let known = Known::read(profile).context("reading the known servers")?;
    let named_address = named.map(|target| &target.address);
    let Some(address) = named_address.or(config.server.as_ref()).or(known.newest()).cloned() else {
        return Ok(None);
    };
    let pinned = named.and_then(|target| target.expect).or(known.key_of(&address));
    Ok(Some(doctor::Server { address, pinned }))
}

/// The call from the shell that was asked for.
fn talk(args: &Args) -> Option<Talk> {
    let (wish, pipes) = match args.act.as_ref()? {
        Act::Call(call) => (Wish::Call(call.names.clone()), &call.pipes),
        Act::Answer(answer) => (Wish::Answer { from: answer.from.clone(), once: answer.once }, &answer.pipes),
        Act::Echo(_) => {
            let (wish, name) = (Wish::Call(vec![Name::parse(ECHO).ok()?]), args.login.name.clone());
            return Some(Talk { wish, input: None, output: None, name, transmit: Transmit::default() });
        }
        Act::Doctor(_)
        | Act::Mute(_)
        | Act::Hangup
        | Act::Ptt(_)
        | Act::Status(_)
        | Act::Invite
        | Act::Config(_)
        | Act::Completions { .. }
        | Act::Man => return None,
    };
    let flow = |text: &Option<String>| text.as_deref().map(Flow::parse);
    Some(Talk {
        wish,
        input: flow(&pipes.input),
        output: flow(&pipes.output),
        name: args.login.name.clone(),
        transmit: Transmit::default(),
    })
}

/// The contact of every server that says back what it hears.
const ECHO: &str = "echo";

/// How things look: what was typed, else what is configured, else what the environment says.
fn look(args: &Args, config: &Config) -> Look {
    let mut look = Look::detect(|name| std::env::var(name).ok());
    if args.ascii || config.ascii {
        look.glyphs = Glyphs::Ascii;
    }
    look.colour &= config.color && !args.no_color;
    look.theme = config.theme;
    look
}

/// Why there is nowhere to go.
#[derive(Clone, Copy)]
enum Nowhere {
    /// Nothing was typed, configured or used before.
    Unknown,
    /// What was typed cannot be meant.
    Misused(&'static str),
}

impl Nowhere {
    fn words(self) -> &'static str {
        match self {
            Self::Unknown => "no server is known yet: say tincan INVITE, or tincan HOST[:PORT]",
            Self::Misused(why) => why,
        }
    }
}

/// Whether the server's echo is to be called once the sound was tried here.
fn calls_echo(args: &Args) -> bool {
    matches!(&args.act, Some(Act::Echo(echo)) if !echo.local)
}

/// Where to go: what was typed, else what is configured, else the server used last.
fn target(args: &Args, config: &Config, profile: &Path) -> anyhow::Result<Result<Target, Nowhere>> {
    match args.login.protocol {
        Protocol::Native if args.login.bind.is_some() => {
            return Ok(Err(Nowhere::Misused(
                "--bind is for the plain protocols: say --protocol binary or text, too",
            )));
        }
        Protocol::Native => {}
        Protocol::Binary | Protocol::Text => return Ok(plain_target(args).map_err(Nowhere::Misused)),
    }
    let known = Known::read(profile).context("reading the known servers")?;
    let newest = config.server.as_ref().or(known.newest());
    let usual = |address| Target { address, port_named: true, expect: None, pin: None, token: None };
    let Some(mut target) = args.server.clone().or_else(|| newest.cloned().map(usual)) else {
        return Ok(Err(Nowhere::Unknown));
    };
    if let (Some(expect), Some(pin)) = (target.expect, args.login.pin)
        && expect != pin
    {
        return Ok(Err(Nowhere::Misused(
            "the invite and --pin name different servers: ask who gave you the invite",
        )));
    }
    target.expect = target.expect.or(args.login.pin);
    target.pin = args.login.pin;
    Ok(Ok(target))
}

/// A server of a plain protocol has to be named: those that are known speak our own. It has no key to check.
fn plain_target(args: &Args) -> Result<Target, &'static str> {
    let Some(target) = args.server.clone() else {
        return Err(
            "say which server speaks this protocol: tincan --protocol binary HOST[:9999], or text HOST[:2000]",
        );
    };
    if target.expect.is_some() || args.login.pin.is_some() {
        return Err("a server of a plain protocol has no key: an invite or --pin is for tincan's own");
    }
    Ok(target.speaking(args.login.protocol))
}

fn log_to_stderr(level: tracing::Level) {
    tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(level).with_ansi(false).init();
}

fn misused(why: &str) -> Exit {
    complain(why);
    Exit::Usage
}

fn complain(why: &str) {
    // Nobody is left to be told when this fails.
    let _ = writeln!(io::stderr(), "tincan: {why}");
}
