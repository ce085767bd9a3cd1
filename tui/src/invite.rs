//! `tincan invite`: asks the running client for a link, or logs in, makes one and leaves.

use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;
use proto::client::{Command, Event, Matter};

use crate::app::trust::server_key_changed;
use crate::control::{Request, refused};
use crate::exit::Exit;
use crate::identity::Opened;
use crate::limits::{FIRST_TRIES_MAX, INVITE_TIME_MAX};
use crate::remote::{Form, try_ask};
use crate::session::{Begin, Session, Told};

/// Prints a link of the profile in `dir`, or has the client print one that runs with it.
///
/// # Errors
/// When the running client refuses, or something of the profile fails.
pub fn run(dir: &Path, opened: Opened, begin: Begin) -> anyhow::Result<Exit> {
    match opened {
        Opened::Ours(profile) => {
            let mut session = Session::open(profile, begin)?;
            let exit = make(&mut session)?;
            session.close()?;
            Ok(exit)
        }
        Opened::Taken => {
            let asked = try_ask(dir, Request::Invite, Form::Words)?;
            asked.context("another tincan runs with this profile and cannot be asked: make the invite in it")
        }
    }
}

fn make(session: &mut Session) -> anyhow::Result<Exit> {
    let (end, mut tries) = (session.now().mono + INVITE_TIME_MAX, 0);
    while session.now().mono < end {
        session.wait(Some(end))?;
        while let Some(told) = session.poll() {
            tries += u32::from(matches!(told, Told::Trouble(_)));
            if let Some(exit) = react(session, &told, tries)? {
                return Ok(exit);
            }
        }
    }
    complain("the server did not answer in time; try again")?;
    Ok(Exit::Unreachable)
}

fn react(session: &mut Session, told: &Told, tries: u32) -> anyhow::Result<Option<Exit>> {
    let event = match told {
        Told::Client(event) => event,
        Told::Trouble(why) if tries >= FIRST_TRIES_MAX => {
            complain(why)?;
            return Ok(Some(Exit::Unreachable));
        }
        Told::Asked(who, _) => {
            session.answer(*who, &refused("failed", "this tincan only makes a link: it ends in a moment"));
            return Ok(None);
        }
        Told::Trouble(_) | Told::Sound(_) | Told::Volume(..) | Told::Server(_) => return Ok(None),
    };
    if let Event::Invite(url) = event {
        return print(url).map(Some);
    }
    if let Event::LoggedIn(_) = event {
        session.command(Command::Invite)?;
    }
    if let Event::Refused { of, text, .. } = event {
        complain(text.as_str())?;
        return Ok(Some(if *of == Matter::Login { Exit::Refused } else { Exit::Failed }));
    }
    if let Event::LoginRefused { text, .. } = event {
        complain(text.as_str())?;
        return Ok(Some(Exit::Refused));
    }
    if let Event::ServerKeyChanged { pinned, shown } = event {
        complain(&server_key_changed(*pinned, *shown))?;
        return Ok(Some(Exit::Refused));
    }
    if matches!(event, Event::NameWanted | Event::ServerKeyUnknown(_)) {
        complain("nobody is logged in there yet: run tincan with an invite first")?;
        return Ok(Some(Exit::Usage));
    }
    Ok(None)
}

fn print(url: &str) -> anyhow::Result<Exit> {
    writeln!(io::stdout(), "{url}").context("printing the invite")?;
    Ok(Exit::Ok)
}

fn complain(why: &str) -> anyhow::Result<()> {
    writeln!(io::stderr(), "tincan: {why}").context("writing to standard error")
}
