//! What can be typed without a screen: one table, read by the parser, by `help` and by its test.

use std::time::Duration;

use proto::client::Command;
use proto::id::{Fingerprint, Name, Principal};
use proto::limits::{GREETING_CHARS_MAX, MEMBERS_MAX, TEXT_BYTES_MAX};
use proto::media::processing::{Part, Wish as How};
use proto::media::{DelayMode, SoundCommand};
use serde_json::{Value, json};

use super::words::part_name;
use crate::limits::VOLUME_PERCENT_MAX;

/// What one line wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Do(Command),
    Say {
        to: Name,
        text: String,
    },
    Mute(bool),
    /// Press to talk, or let go.
    Talk(bool),
    Volume {
        who: Name,
        percent: u16,
    },
    Figures(bool),
    Process {
        part: Part,
        wish: How,
    },
    /// Another device from now on.
    Sound(SoundCommand),
    Record(Record),
    SayAgain(bool),
    Status,
    Help,
    Quit,
}

/// What is to become of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Record {
    On,
    /// Although somebody cannot be told.
    Anyway,
    Off,
}

/// Every command with its arguments, and what it does.
const TABLE: &[(&str, &str)] = &[
    ("add NAME [MESSAGE]", "ask somebody to be a contact; they read the message with the request"),
    ("accept NAME", "accept their request"),
    ("reject NAME", "dismiss their request"),
    ("remove NAME", "remove a contact, or take a request back"),
    ("contacts", "tell the contact list"),
    ("call NAME [NAME...]", "call a contact, or several at once"),
    ("allow-plain NAME", "say yes to calls with them that are not encrypted, once for all"),
    ("words NAME", "tell words to compare with somebody in the call"),
    ("verify NAME KEY yes|no", "say that this key of theirs, compared, matches or does not"),
    ("accept-key NAME KEY", "say that this new key behind a name is theirs"),
    ("block NAME", "hear nothing of them any more, by their key"),
    ("blocked", "tell who is blocked"),
    ("unblock KEY", "let somebody in again, named by the key that blocked tells"),
    ("invite", "make a link that makes whoever uses it a contact"),
    ("answer", "answer the incoming call"),
    ("decline", "decline the incoming call"),
    ("hangup", "leave the call, or stop calling"),
    ("mute on|off", "close or open the microphone"),
    ("talk on|off", "push to talk, where transmit = \"ptt\""),
    ("volume NAME PERCENT", "how loud they are played, 0 to 200; it is remembered"),
    ("figures on|off", "tell the figures of the call every second"),
    ("process echo|noise|gain auto|on|off", "what is done to your voice before it is sent"),
    ("devices", "tell the microphones and speakers there are"),
    ("device SPEC", "take this device from now on, as after --device"),
    ("microphone DEVICE", "take another microphone, or default, and keep the speaker"),
    ("speaker DEVICE", "take another speaker, or default, and keep the microphone"),
    ("delay ordinary|low|path", "what is dearer from now on: sound, delay, or delay where the way is short"),
    ("dtx on|off", "silence is sent in fewer bytes, and the network sees when you speak"),
    ("frame 5|10|20|auto", "the duration of our frames in milliseconds, or as the network is"),
    ("record on|off", "keep the call in a file; everybody in it is told"),
    ("record anyway", "the same, although somebody cannot be told"),
    ("say-again on|off", "play what was heard in the last ten seconds once more, or stop that"),
    ("say NAME TEXT", "send a text"),
    ("status", "tell how things are"),
    ("help", "tell this list"),
    ("quit", "end; the end of input does the same"),
];

/// Reads one line; nothing for an empty one.
pub(super) fn parse(line: &str) -> Result<Option<Wish>, String> {
    let line = line.trim_matches(['\r', '\n', ' ']);
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim_start();
    let bare = |wish: Wish| if rest.is_empty() { Ok(Some(wish)) } else { Err(usage_of(word)) };
    match word {
        "" => Ok(None),
        "add" => add(word, rest).map(|command| Some(Wish::Do(command))),
        "accept" => name(word, rest).map(|name| Some(Wish::Do(Command::Accept(name)))),
        "reject" => name(word, rest).map(|name| Some(Wish::Do(Command::Reject(name)))),
        "remove" => name(word, rest).map(|name| Some(Wish::Do(Command::Remove(name)))),
        "call" => several(word, rest).map(|names| Some(Wish::Do(Command::Call(names)))),
        "allow-plain" => name(word, rest).map(|name| Some(Wish::Do(Command::AllowPlain(name)))),
        "words" => name(word, rest).map(|name| Some(Wish::Do(Command::Compare(name)))),
        "verify" => verify(word, rest).map(Some),
        "accept-key" => {
            with_key(word, rest).map(|(name, key)| Some(Wish::Do(Command::AcceptIdentity { name, key })))
        }
        "block" => name(word, rest).map(|name| Some(Wish::Do(Command::Ban(name)))),
        "blocked" => bare(Wish::Do(Command::Bans)),
        "unblock" => principal(word, rest).map(|who| Some(Wish::Do(Command::Unban(who)))),
        "contacts" => bare(Wish::Do(Command::Contacts)),
        "invite" => bare(Wish::Do(Command::Invite)),
        "answer" => bare(Wish::Do(Command::Answer)),
        "decline" => bare(Wish::Do(Command::Decline)),
        "hangup" => bare(Wish::Do(Command::HangUp)),
        "devices" => bare(Wish::Sound(SoundCommand::ListDevices)),
        "device" => device(word, rest).map(SoundCommand::Device).map(sound),
        "microphone" => device(word, rest).map(SoundCommand::Microphone).map(sound),
        "speaker" => device(word, rest).map(SoundCommand::Speaker).map(sound),
        "delay" => DelayMode::parse(rest).map(SoundCommand::Delay).map(sound).ok_or_else(|| usage_of(word)),
        "dtx" => switch(word, rest).map(SoundCommand::Dtx).map(sound),
        "frame" => frame(rest).map(SoundCommand::FrameDuration).map(sound).ok_or_else(|| usage_of(word)),
        "status" => bare(Wish::Status),
        "help" => bare(Wish::Help),
        "quit" => bare(Wish::Quit),
        "talk" => switch(word, rest).map(|on| Some(Wish::Talk(on))),
        "mute" => switch(word, rest).map(|on| Some(Wish::Mute(on))),
        "figures" => switch(word, rest).map(|on| Some(Wish::Figures(on))),
        "record" => match rest {
            "on" => Ok(Some(Wish::Record(Record::On))),
            "anyway" => Ok(Some(Wish::Record(Record::Anyway))),
            "off" => Ok(Some(Wish::Record(Record::Off))),
            _ => Err(usage_of(word)),
        },
        "say-again" => switch(word, rest).map(|on| Some(Wish::SayAgain(on))),
        "volume" => volume(word, rest).map(Some),
        "process" => process(word, rest).map(Some),
        "say" => say(rest).map(Some),
        _ => Err(format!("there is no command {}; help lists them", proto::Safe::line(word))),
    }
}

fn add(word: &str, rest: &str) -> Result<Command, String> {
    let (who, text) = rest.split_once(' ').unwrap_or((rest, ""));
    let (to, text) = (name(word, who)?, text.trim());
    match text.chars().count() {
        0 => Ok(Command::Add(to)),
        1..=GREETING_CHARS_MAX => Ok(Command::Greet { to, text: text.to_owned() }),
        chars => {
            Err(format!("a message with a request has at most {GREETING_CHARS_MAX} characters, not {chars}"))
        }
    }
}

fn switch(word: &str, rest: &str) -> Result<bool, String> {
    match rest {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(usage_of(word)),
    }
}

fn verify(word: &str, rest: &str) -> Result<Wish, String> {
    let (who, answer) = rest.rsplit_once(' ').ok_or_else(|| usage_of(word))?;
    let matches = match answer.trim() {
        "yes" => true,
        "no" => false,
        _ => return Err(usage_of(word)),
    };
    let (name, key) = with_key(word, who)?;
    Ok(Wish::Do(Command::Verify { name, key, matches }))
}

/// A name and the key that was looked at.
fn with_key(word: &str, rest: &str) -> Result<(Name, Fingerprint), String> {
    let (who, key) = rest.split_once(' ').ok_or_else(|| usage_of(word))?;
    Ok((name(word, who)?, Fingerprint::parse(key.trim()).ok_or_else(|| usage_of(word))?))
}

fn principal(word: &str, rest: &str) -> Result<Principal, String> {
    let guest = || rest.strip_prefix('~').and_then(|name| Name::parse(name).ok()).map(Principal::Guest);
    Fingerprint::parse(rest).map(Principal::Key).or_else(guest).ok_or_else(|| usage_of(word))
}

fn sound(command: SoundCommand) -> Option<Wish> {
    Some(Wish::Sound(command))
}

/// Zero has it decided.
fn frame(text: &str) -> Option<Duration> {
    match text {
        "auto" => Some(Duration::ZERO),
        "5" | "10" | "20" => text.parse().ok().map(Duration::from_millis),
        _ => None,
    }
}

/// Names of devices have spaces.
fn device(word: &str, rest: &str) -> Result<String, String> {
    if rest.is_empty() { Err(usage_of(word)) } else { Ok(rest.to_owned()) }
}

fn say(rest: &str) -> Result<Wish, String> {
    let (to, text) = rest.split_once(' ').ok_or_else(|| usage_of("say"))?;
    if text.trim().is_empty() {
        return Err(usage_of("say"));
    }
    if text.len() > TEXT_BYTES_MAX {
        return Err(format!("a text has at most {TEXT_BYTES_MAX} bytes"));
    }
    Ok(Wish::Say { to: name("say", to)?, text: text.to_owned() })
}

fn volume(word: &str, rest: &str) -> Result<Wish, String> {
    let (who, percent) = rest.split_once(' ').ok_or_else(|| usage_of(word))?;
    let percent = percent.trim().parse().ok().filter(|percent| *percent <= VOLUME_PERCENT_MAX);
    Ok(Wish::Volume { who: name(word, who)?, percent: percent.ok_or_else(|| usage_of(word))? })
}

fn process(word: &str, rest: &str) -> Result<Wish, String> {
    let wanted = || {
        let (part, wish) = rest.split_once(' ')?;
        let part = Part::ALL.into_iter().find(|known| part_name(*known) == part)?;
        Some(Wish::Process { part, wish: How::parse(wish.trim())? })
    };
    wanted().ok_or_else(|| usage_of(word))
}

/// Each name once: saying one twice calls nobody twice.
fn several(word: &str, text: &str) -> Result<Vec<Name>, String> {
    let mut names: Vec<Name> = Vec::new();
    for text in text.split_whitespace() {
        let name = name(word, text)?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    match names.len() {
        0 => Err(usage_of(word)),
        1..MEMBERS_MAX => Ok(names),
        _ => Err(format!("a call has at most {MEMBERS_MAX} members, yourself included")),
    }
}

fn name(word: &str, text: &str) -> Result<Name, String> {
    if text.is_empty() || text.contains(' ') {
        return Err(usage_of(word));
    }
    Name::parse(text).map_err(|why| format!("{}: {why}", usage_of(word)))
}

fn usage_of(word: &str) -> String {
    let row = TABLE.iter().find(|(usage, _)| usage.split(' ').next() == Some(word));
    format!("say: {}", row.map_or(word, |(usage, _)| usage))
}

/// The list of commands, as one event.
pub(super) fn help() -> Value {
    let list: Vec<Value> =
        TABLE.iter().map(|(usage, does)| json!({ "command": usage, "does": does })).collect();
    json!({ "event": "help", "commands": list })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_table_is_a_command() {
        for (usage, _) in TABLE {
            let line = usage.replace("[NAME...]", "carol").replace("NAME", "bob").replace("PERCENT", "150");
            let line = line
                .replace("TEXT", "hello there")
                .replace("echo|noise|gain auto|on|off", "noise auto")
                .replace("on|off", "on");
            let line = line.replace("ordinary|low|path", "low").replace("5|10|20|auto", "20");
            let key = "SHA256:Ym9iAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
            let line = line.replace("yes|no", "no").replace("KEY", key);
            let line = line.replace("SPEC", "null").replace("DEVICE", "Headset");
            assert!(matches!(parse(&line), Ok(Some(_))), "{line}");
            let word = usage.split(' ').next().unwrap();
            assert_ne!(parse(&format!("{word} ")).is_ok(), usage.contains(' '), "{word} alone");
            assert_eq!(help()["commands"].as_array().unwrap().len(), TABLE.len());
        }
    }

    #[test]
    fn several_are_called_at_once_and_each_once() {
        let called = |line: &str| match parse(line) {
            Ok(Some(Wish::Do(Command::Call(names)))) => {
                Ok(names.iter().map(Name::as_str).collect::<Vec<_>>().join(" "))
            }
            Ok(other) => panic!("{line}: {other:?}"),
            Err(why) => Err(why),
        };
        assert_eq!(called("call bob  carol bob dave"), Ok("bob carol dave".to_owned()));
        let many = |count: usize| (0..count).map(|n| format!(" n{n}")).collect::<String>();
        assert!(called(&format!("call{}", many(MEMBERS_MAX - 1))).is_ok());
        assert!(called(&format!("call{}", many(MEMBERS_MAX))).unwrap_err().contains("32"));
    }

    #[test]
    fn devices_are_named_with_their_spaces() {
        let wish = |line: &str| parse(line).unwrap().unwrap();
        let name = || "USB Headset 2".to_owned();
        assert_eq!(wish("microphone USB Headset 2"), Wish::Sound(SoundCommand::Microphone(name())));
        assert_eq!(wish("speaker USB Headset 2"), Wish::Sound(SoundCommand::Speaker(name())));
        assert_eq!(wish("device USB Headset 2"), Wish::Sound(SoundCommand::Device(name())));
    }

    #[test]
    fn delay_and_frames_are_set_by_a_word() {
        let frame = |ms| Ok(Some(Wish::Sound(SoundCommand::FrameDuration(Duration::from_millis(ms)))));
        assert_eq!(parse("delay path"), Ok(Some(Wish::Sound(SoundCommand::Delay(DelayMode::ByPath)))));
        assert_eq!(parse("dtx on"), Ok(Some(Wish::Sound(SoundCommand::Dtx(true)))));
        assert_eq!((parse("frame 5"), parse("frame auto")), (frame(5), frame(0)));
        assert_eq!(parse("frame 15").unwrap_err(), "say: frame 5|10|20|auto");
        assert_eq!(parse("delay none").unwrap_err(), "say: delay ordinary|low|path");
    }

    #[test]
    fn a_message_goes_with_a_request_when_there_is_one() {
        let to = Name::parse("bob").unwrap();
        let greet = |text: &str| Ok(Some(Wish::Do(Command::Greet { to: to.clone(), text: text.into() })));
        assert_eq!(parse("add bob"), Ok(Some(Wish::Do(Command::Add(to.clone())))));
        assert_eq!(parse("add bob  it is alice "), greet("it is alice"));
        let longest = "\u{e9}".repeat(140);
        assert_eq!(parse(&format!("add bob {longest}")), greet(&longest));
    }

    #[test]
    fn a_text_keeps_its_spaces() {
        let to = Name::parse("bob").unwrap();
        let wish = parse("say bob  two  spaces\r\n").unwrap();
        assert_eq!(wish, Some(Wish::Say { to, text: " two  spaces".into() }));
        assert!(parse(&format!("say bob {}", "x".repeat(TEXT_BYTES_MAX + 1))).is_err());
    }

    #[test]
    fn what_is_wrong_is_said_in_a_sentence() {
        assert_eq!(parse("add").unwrap_err(), "say: add NAME [MESSAGE]");
        assert!(parse(&format!("add bob {}", "x".repeat(141))).unwrap_err().contains("140"));
        assert_eq!(parse("volume bob 201").unwrap_err(), "say: volume NAME PERCENT");
        assert_eq!(parse("process echo").unwrap_err(), "say: process echo|noise|gain auto|on|off");
        assert!(parse("process hiss on").is_err() && parse("process gain maybe").is_err());
        assert_eq!(parse("mute maybe").unwrap_err(), "say: mute on|off");
        assert!(parse("add 1234").unwrap_err().contains("at least one letter"));
        assert!(parse("dance").unwrap_err().contains("help"));
        assert!(parse("status now").is_err());
        assert_eq!(parse("   \n"), Ok(None));
    }
}
