//! `tincan mute`, `answer`, `hangup`, `ptt`, `status` and `invite` beside a running client: one request to its control
//! socket, and what came of it in words and an exit code. For keys of a window manager, pedals and status bars.

use std::io::{self, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::control::Request;
use crate::exit::Exit;
use crate::identity::announced;
use crate::limits::{VISIT_SERVER_TIME_MAX, VISIT_TIME_MAX};
use crate::visit::{Asked, ask};

/// How the answer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A line for people.
    Words,
    /// One JSON object.
    Json,
}

/// Asks the client that runs with the profile in `dir`, and tells what came of it; none when no client runs.
///
/// # Errors
/// When it does not answer, or standard output is gone.
pub fn try_ask(dir: &Path, request: Request, form: Form) -> anyhow::Result<Option<Exit>> {
    let Some(socket) = announced(dir) else { return Ok(None) };
    let patience = if request == Request::Invite { VISIT_SERVER_TIME_MAX } else { VISIT_TIME_MAX };
    match ask(&socket, request, patience)? {
        Asked::Nobody => Ok(None),
        Asked::Said(reply) => tell(&reply, form).map(Some),
    }
}

/// The same, where nothing is to be done without a running client.
///
/// # Errors
/// As [`try_ask`].
pub fn run(dir: &Path, request: Request, form: Form) -> anyhow::Result<Exit> {
    let asked = try_ask(dir, request, form)?;
    asked.map_or_else(|| complain(&nobody(dir)).map(|()| Exit::Failed), Ok)
}

/// What to say where no client runs.
fn nobody(dir: &Path) -> String {
    format!("no tincan runs with the profile {}: start one first, or name another --profile", dir.display())
}

fn tell(reply: &Value, form: Form) -> anyhow::Result<Exit> {
    if reply["ok"] != true {
        complain(reply["text"].as_str().unwrap_or("the running tincan did not say why it refused"))?;
        return Ok(Exit::Failed);
    }
    let status = reply.get("status");
    let line = match (status, form) {
        (Some(status), Form::Json) => status.to_string(),
        (Some(status), Form::Words) => sentence(status),
        (None, _) => match reply.get("invite").or_else(|| reply.get("text")).and_then(Value::as_str) {
            Some(text) => text.to_owned(),
            None => {
                bail!("the running tincan answers in words this one does not know: is it another version?")
            }
        },
    };
    writeln!(io::stdout(), "{line}").context("writing to standard output")?;
    Ok(Exit::Ok)
}

/// A status in a line.
fn sentence(status: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let (name, server) = (status["name"].as_str(), text(&status["server"]));
    let who = name.map_or_else(|| server.clone(), |name| format!("{name}@{server}"));
    let mut parts = vec![format!("{who} {}", text(&status["connection"]))];
    let call = &status["call"];
    if call.is_object() {
        let with: Vec<String> = call["with"].as_array().into_iter().flatten().map(text).collect();
        let with = with.join(", ");
        let sealed = if call["encrypted"] == true { "encrypted" } else { "NOT ENCRYPTED" };
        parts.push(match (call["state"].as_str(), call["seconds"].as_u64()) {
            (Some("incoming"), _) => format!("{with} calls ({sealed})"),
            (Some("live"), Some(s)) => {
                format!("in a call with {with} for {}:{:02} ({sealed})", s / 60, s % 60)
            }
            (state, _) => format!("{} {with} ({sealed})", state.unwrap_or("in a call with")),
        });
    }
    let live = status["live"] == true;
    let flags = [
        (status["muted"] == true, "muted"),
        (status["ptt"] == true && !live, "push-to-talk: silent"),
        (status["ptt"] == true && live, "push-to-talk: live"),
        (status["dnd"] == true, "do not disturb"),
    ];
    parts.extend(flags.into_iter().filter(|(on, _)| *on).map(|(_, words)| words.to_owned()));
    if let Some(unread) = status["unread"].as_u64().filter(|unread| *unread > 0) {
        parts.push(format!("{unread} unread"));
    }
    parts.join(", ")
}

fn complain(why: &str) -> anyhow::Result<()> {
    writeln!(io::stderr(), "tincan: {why}").context("writing to standard error")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{CallStatus, Status};

    #[test]
    fn a_status_is_one_calm_line() {
        let mut status = Status {
            connection: "online",
            name: Some("alice".into()),
            server: "home.example".into(),
            ..Status::default()
        };
        assert_eq!(sentence(&status.json()), "alice@home.example online");
        let with = vec!["bob".to_owned(), "carol".to_owned()];
        let call = CallStatus { state: "live", with, seconds: Some(192), encrypted: true, quality: None };
        status = Status { call: Some(call), ptt: true, unread: Some(2), dnd: true, ..status };
        assert_eq!(
            sentence(&status.json()),
            "alice@home.example online, in a call with bob, carol for 3:12 (encrypted), push-to-talk: silent, \
             do not disturb, 2 unread"
        );
        let call = CallStatus { state: "incoming", with: vec!["~gina".into()], ..CallStatus::default() };
        status = Status { call: Some(call), ptt: false, dnd: false, unread: Some(0), muted: true, ..status };
        assert_eq!(sentence(&status.json()), "alice@home.example online, ~gina calls (NOT ENCRYPTED), muted");
    }
}
