//! The terminal, seen from here: what it is called, what lies between, how wide it draws what. The keyboard is the one
//! thing that is asked of the terminal itself and waited for, and only here.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Instant;

use anyhow::Context as _;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::report::Report;
use crate::app::emulator::{Between, Emulator};
use crate::app::{Glyphs, Look};
use crate::limits::{REPLY_BYTES_MAX, TERMINAL_ANSWER_TIME_MAX};

/// What keys the terminal can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keyboard {
    /// The kitty keyboard protocol: releases, and which key it was in any layout.
    Kitty,
    /// xterm's modifyOtherKeys: more combinations, no releases.
    Modified,
    /// What terminals always could.
    Basic,
    /// No answer at all in time.
    Mute,
}

pub(super) fn examine<W: io::Write>(report: &mut Report<W>) -> anyhow::Result<()> {
    let get = |name: &str| std::env::var(name).ok();
    environment(get, size(), report)?;
    let term = get("TERM").unwrap_or_default();
    let asked =
        io::stdin().is_terminal() && io::stdout().is_terminal() && !matches!(term.as_str(), "" | "dumb");
    if !asked {
        return report.note("keyboard", "not asked: there is no terminal that would understand the question");
    }
    let found = match ask() {
        Ok(found) => found,
        Err(why) => {
            let why = proto::Safe::line(&format!("{why:#}"));
            return report.note("keyboard", &format!("could not be asked: {why}; taken as basic"));
        }
    };
    let words = match found {
        Keyboard::Kitty => "kitty protocol: Space can be held to talk, in any layout",
        Keyboard::Modified => "modifyOtherKeys: Space to talk repeats, or latches",
        Keyboard::Basic => "basic: Space to talk is held by its repeating, or latches",
        Keyboard::Mute => "no answer in time: taken as basic, which always works",
    };
    if found == Keyboard::Mute { report.note("keyboard", words) } else { report.ok("keyboard", words) }
}

/// Columns and rows of the terminal that shows the report; none where it goes to a file or a pipe.
pub(super) fn size() -> Option<(u16, u16)> {
    if io::stdout().is_terminal() { crossterm::terminal::size().ok() } else { None }
}

/// What the environment tells.
fn environment<W: io::Write>(
    get: impl Fn(&str) -> Option<String> + Copy,
    size: Option<(u16, u16)>,
    report: &mut Report<W>,
) -> anyhow::Result<()> {
    let set = |name: &str| get(name).filter(|value| !value.is_empty());
    match set("TERM") {
        None => report.note("terminal", "TERM is not set: no full screen, but tincan --plain works")?,
        Some(term) if term == "dumb" => {
            report.note("terminal", "TERM=dumb: no full screen, but tincan --plain works")?
        }
        Some(term) => report.ok("terminal", &format!("TERM={}", proto::Safe::line(&term)))?,
    }
    let colours = match (set("NO_COLOR"), set("COLORTERM"), set("TERM")) {
        (Some(_), ..) => "none, as NO_COLOR wants",
        (None, Some(kind), _) if matches!(kind.as_str(), "truecolor" | "24bit") => {
            "16 are used of 16 million"
        }
        (None, _, Some(term)) if term.contains("256") => "16 are used of 256",
        (None, _, _) => "16 are used",
    };
    report.ok("colours", colours)?;
    match Look::detect(get).glyphs {
        Glyphs::Unicode => {
            report.ok("letters", "Unicode: lines, blocks and circles; --ascii does without")?
        }
        Glyphs::Ascii => {
            report.note("letters", "letters only: the locale is not UTF-8, or it is the Linux console")?
        }
    }
    let links = if Emulator::detect(get).links {
        "opened by a click (OSC 8)"
    } else {
        "text: this terminal is not known to open them; [ui] links = \"on\" tries"
    };
    report.ok("links", links)?;
    let mut between = Vec::new();
    match Emulator::detect(get).between {
        Between::Nothing => {}
        Between::Tmux => between.push("tmux (set -g allow-passthrough on for the clipboard)"),
        Between::Screen => between.push("screen"),
    }
    if set("MOSH_SERVER_PID").is_some() || set("MOSH_CONNECTION").is_some() {
        between.push("mosh");
    }
    if crate::app::model::over_ssh(get) {
        between.push("SSH: the sound is this machine's, not yours");
    }
    let between = if between.is_empty() { "nothing that is known".to_owned() } else { between.join(", ") };
    report.ok("between", &between)?;
    match size {
        Some((0, _) | (_, 0)) | None => report.note("size", "not known: there is no terminal"),
        Some((columns, rows)) if columns < 40 || rows < 10 => {
            let words = format!(
                "{columns} columns, {rows} rows: less than the 40 and 10 that the screen needs; --plain works"
            );
            report.note("size", &words)
        }
        Some((columns, rows)) => report.ok("size", &format!("{columns} columns, {rows} rows")),
    }
}

/// Asks for the kitty protocol, for modifyOtherKeys, and for what every terminal knows (DA1), whose answer comes last.
fn ask() -> anyhow::Result<Keyboard> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
    let mut tty = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags)
        .open("/dev/tty")
        .context("opening the terminal")?;
    crossterm::terminal::enable_raw_mode().context("setting up the terminal")?;
    let answer = answers(&mut tty);
    // The terminal is given back whatever came of it.
    crossterm::terminal::disable_raw_mode().context("giving the terminal back")?;
    Ok(understood(&answer?))
}

/// What the terminal says until its last answer, or until it had its time.
fn answers(tty: &mut File) -> anyhow::Result<Vec<u8>> {
    tty.write_all(b"\x1b[?u\x1b[?4m\x1b[c").context("asking the terminal")?;
    let mut poll = Poll::new().context("making the poll")?;
    poll.registry().register(&mut SourceFd(&tty.as_raw_fd()), Token(0), Interest::READABLE)?;
    let (mut events, mut said, began) = (Events::with_capacity(2), Vec::new(), Instant::now());
    while let Some(left) = TERMINAL_ANSWER_TIME_MAX.checked_sub(began.elapsed()) {
        match poll.poll(&mut events, Some(left)) {
            Err(why) if why.kind() == io::ErrorKind::Interrupted => continue,
            outcome => outcome.context("waiting for the terminal")?,
        }
        let mut bytes = [0; 256];
        while let Ok(count @ 1..) = tty.read(&mut bytes) {
            said.extend_from_slice(&bytes[..count]);
        }
        if ends_with_attributes(&said) || said.len() > REPLY_BYTES_MAX {
            break;
        }
    }
    Ok(said)
}

/// Whether `CSI ? ... c` is in it.
fn ends_with_attributes(said: &[u8]) -> bool {
    reports(said).any(|(start, _, end)| start == b'?' && end == b'c')
}

/// Control sequences with a private mark: the mark, what lies between, and the last byte.
fn reports(said: &[u8]) -> impl Iterator<Item = (u8, &[u8], u8)> {
    said.windows(2).enumerate().filter(|(_, two)| *two == b"\x1b[").filter_map(|(at, _)| {
        let rest = &said[at + 2..];
        let (mark, rest) = rest.split_first()?;
        let end = rest.iter().position(|byte| (0x40..=0x7e).contains(byte))?;
        Some((*mark, &rest[..end], rest[end]))
    })
}

fn understood(said: &[u8]) -> Keyboard {
    let kitty = reports(said).any(|(mark, _, end)| mark == b'?' && end == b'u');
    let modified =
        reports(said).any(|(mark, between, end)| mark == b'>' && end == b'm' && between.starts_with(b"4"));
    match (kitty, modified) {
        (true, _) => Keyboard::Kitty,
        (false, true) => Keyboard::Modified,
        (false, false) if ends_with_attributes(said) => Keyboard::Basic,
        (false, false) => Keyboard::Mute,
    }
}

/// Lines whose bars stand under each other where the terminal counts as the screen does.
pub(super) fn ruler<W: io::Write>(report: &mut Report<W>) -> anyhow::Result<()> {
    if Look::detect(|name| std::env::var(name).ok()).glyphs == Glyphs::Ascii {
        return report.note("ruler", "left out: letters only");
    }
    report.note("ruler", "every bar at the end should stand under the first one")?;
    for (text, what) in RULER {
        let pad = " ".repeat(RULER_WIDTH.saturating_sub(unicode_width::UnicodeWidthStr::width(text)));
        report.picture(&format!("               |{text}{pad}| {what}"))?;
    }
    Ok(())
}

const RULER_WIDTH: usize = 12;

const RULER: [(&str, &str); 8] = [
    ("0123456789ab", "plain letters"),
    ("日本語李雷漢", "wide: six signs of two columns"),
    ("cafe\u{301} zoe\u{308}", "combining: accents on e and e, no gap"),
    ("│─●◐○▌▉✓»", "lines and blocks: two columns each here? Then use --ascii"),
    ("👍🎉❤\u{fe0f}", "emoji: three of two columns"),
    ("👩\u{200d}👩\u{200d}👧\u{200d}👦", "joined: one family, or its people beside each other"),
    ("🇩🇪🇯🇵", "flags: two, or letters in boxes"),
    ("مريم שלום", "right to left: two names, letters may be in their order or not"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn said(of: impl FnOnce(&mut Report<Vec<u8>>)) -> String {
        let mut report = Report::new(Vec::new(), false);
        of(&mut report);
        String::from_utf8(report.out).unwrap()
    }

    fn of(variables: &[(&str, &str)], size: Option<(u16, u16)>) -> String {
        let get = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        said(|report| environment(get, size, report).unwrap())
    }

    #[test]
    fn the_environment_is_put_into_words() {
        let here = of(&[("TERM", "xterm-256color"), ("LANG", "C.UTF-8")], Some((80, 24)));
        assert!(here.contains("TERM=xterm-256color") && here.contains("16 are used of 256"), "{here}");
        assert!(here.contains("80 columns, 24 rows") && here.contains("nothing that is known"), "{here}");
        assert!(here.contains("not known to open them"), "{here}");
        assert!(of(&[("TERM", "xterm-kitty")], None).contains("opened by a click"));
        let far = of(
            &[("TERM", "tmux-256color"), ("TMUX", "x"), ("SSH_TTY", "/dev/pts/1"), ("NO_COLOR", "1")],
            Some((30, 9)),
        );
        assert!(far.contains("tmux") && far.contains("SSH") && far.contains("NO_COLOR"), "{far}");
        assert!(far.contains("less than the 40 and 10"), "{far}");
        let dumb = of(&[("TERM", "dumb"), ("LANG", "C")], None);
        assert!(dumb.contains("tincan --plain works") && dumb.contains("letters only"), "{dumb}");
        let evil = of(&[("TERM", "x\u{1b}[2J")], None);
        assert!(!evil.contains('\u{1b}'), "{evil:?}");
    }

    #[test]
    fn answers_are_understood_in_any_company() {
        assert_eq!(understood(b"\x1b[?0u\x1b[>4;0m\x1b[?62;c"), Keyboard::Kitty);
        assert_eq!(understood(b"jk\x1b[>4;2m\x1b[?1;2c"), Keyboard::Modified);
        assert_eq!(understood(b"\x1b[A\x1b[?1;2c"), Keyboard::Basic);
        assert_eq!(understood(b"\x1b[?1;2"), Keyboard::Mute);
        assert!(!ends_with_attributes(b"\x1b[?0u") && ends_with_attributes(b"\x1b[?0u\x1b[?1c"));
    }

    #[test]
    fn the_ruler_is_as_wide_as_it_says() {
        for (text, what) in RULER {
            let width = unicode_width::UnicodeWidthStr::width(text);
            assert!(width <= RULER_WIDTH, "{what}: {width}");
        }
        assert_eq!(unicode_width::UnicodeWidthStr::width(RULER[1].0), RULER_WIDTH);
    }
}
