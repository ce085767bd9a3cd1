//! What the real program asks of the terminal beside the picture, and gives back: the kitty keyboard protocol, the focus
//! of the window, the bell and notifications, also through tmux.

use std::path::PathBuf;
use std::time::Duration;

use super::far::{Scratch, Tmux, tool};
use super::screen::{Screen, at_home, demo, program};

/// Keys told apart (1), the key's place in the US layout (4).
const PUSH: &str = "\x1b[>5u";
/// Repeats and releases (2), too, with every key as a sequence (8) that has its text (16).
const RELEASES: &str = "\x1b[=31u";
const NO_RELEASES: &str = "\x1b[=5u";
const POP: &str = "\x1b[<u";
const WATCH: &str = "\x1b[?1004h";
const LOOK_AWAY: &str = "\x1b[?1004l";

const GAINED: &[u8] = b"\x1b[I";
const LOST: &[u8] = b"\x1b[O";

fn said(screen: &Screen) -> String {
    String::from_utf8_lossy(&screen.raw).into_owned()
}

/// Every `CSI > flags u` and `CSI < u`, and the modes of focus and alternate screen, in their order.
fn asked(screen: &Screen) -> Vec<String> {
    let text = said(screen);
    let sequences = text.split("\x1b[").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| ('\u{40}'..='\u{7e}').contains(&c))?;
        Some(format!("\x1b[{}", &rest[..=end]))
    });
    let ours = ["\x1b[?1049h", "\x1b[?1049l", WATCH, LOOK_AWAY];
    sequences
        .filter(|one| {
            ours.contains(&one.as_str()) || one.ends_with('u') && one.contains(['>', '<', '=', '?'])
        })
        .collect()
}

/// What is asked after the first picture, and undone before the alternate screen, which has a keyboard of its own.
const WHOLE: [&str; 6] = ["\x1b[?1049h", PUSH, WATCH, LOOK_AWAY, POP, "\x1b[?1049l"];

#[test]
fn the_keyboard_is_asked_for_once_and_given_back_however_the_program_ends() {
    for (name, code) in [("-TERM", 0), ("-HUP", 0), ("-QUIT", 0), ("-INT", 130), ("keys", 0)] {
        let mut screen = Screen::demo(&[]);
        screen.settle();
        let text = said(&screen);
        let (picture, push) = (text.find("CONTACTS").unwrap(), text.find(PUSH).unwrap());
        assert!(picture < push, "the first picture waits for nothing");
        if name == "keys" {
            screen.press(b"\x03\x03");
        } else {
            screen.signal(name);
        }
        assert_eq!(screen.wait_exit().exit_code(), code, "{name}");
        screen.settle();
        assert_eq!(asked(&screen), WHOLE, "{name}");
        screen.assert_given_back();
    }
}

#[test]
fn a_stop_gives_the_keyboard_back_and_fg_asks_for_it_again() {
    let mut screen = super::stops::shell();
    screen.press(format!("{} --demo --demo-clock 14:32\r", program()).as_bytes());
    screen.see("CONTACTS");
    // As a terminal that was asked sends ^Z.
    screen.press(b"\x1b[122;5u");
    screen.see("Stopped");
    assert_eq!(asked(&screen), WHOLE);
    screen.press(b"fg\r");
    screen.see("CONTACTS");
    screen.press(b"\x1b[99;5u\x1b[99;5u");
    screen.see("shell$ ");
    screen.settle();
    assert_eq!(asked(&screen), [WHOLE, WHOLE].concat());
}

/// These print what they do not understand, or have nobody to tell of the focus.
#[test]
fn a_console_is_asked_for_nothing() {
    let mut command = demo(&[]);
    command.env("TERM", "linux");
    let mut screen = Screen::spawn(command, 80, 24);
    screen.listen();
    screen.see("CONTACTS");
    screen.press(b"\x03\x03");
    screen.wait_exit();
    screen.settle();
    assert_eq!(asked(&screen), ["\x1b[?1049h", "\x1b[?1049l"]);
}

/// A Russian layout: the letters are those of the keys of `^P`, `^C` and `c`, and the terminal says so.
#[test]
fn chords_work_in_any_layout() {
    let mut screen = Screen::demo(&[]);
    screen.press("\x1b[1079::112;5u".as_bytes());
    screen.see("Command");
    screen.press(b"\x1b[27u");
    screen.see_no("Command");
    screen.press("с".as_bytes());
    screen.see("E2E");
    screen.press("\x1b[1095::120;5u".as_bytes());
    screen.see("You talked");
    // Told apart from Enter and Esc, and the same to fingers.
    screen.press(b"\x1b[109;5uhi");
    screen.see("> hi");
    screen.press(b"\x1b[13;2u");
    screen.see("alice hi");
    screen.press(b"\x1b[91;5uc");
    screen.see("E2E");
    screen.press("\x1b[1089::99;5u\x1b[1089::99;5u".as_bytes());
    assert_eq!(screen.wait_exit().exit_code(), 0);
}

/// A configuration in a folder of its own.
fn config(name: &str, text: &str) -> (Scratch, PathBuf) {
    let scratch = Scratch::new(name);
    let path = scratch.0.join("config.toml");
    std::fs::write(&path, text).unwrap();
    (scratch, path)
}

/// Bells that end no string.
fn bells(screen: &Screen) -> usize {
    let text = said(screen);
    let strings = text.split("\x1b]").skip(1).filter(|string| string.contains('\u{7}')).count();
    text.matches('\u{7}').count() - strings
}

/// Waits until these bytes were written.
fn until(screen: &mut Screen, bytes: &str) {
    while !said(screen).contains(bytes) {
        assert!(screen.take(Duration::from_secs(30)), "never wrote {bytes:?}");
    }
}

/// Writes to bob, who answers after a moment; the terminal tells of its focus in between.
fn write(screen: &mut Screen, focus: &[u8], answer: &str) {
    screen.press(format!("I say: {answer}\r").as_bytes());
    // tmux tells of the focus at once, and of keys when it comes to them.
    screen.see(&format!("alice I say: {answer}"));
    screen.press(focus);
    screen.see(&format!("bob {answer}"));
}

/// One after the other to bob, in his open chat: before one's eyes, and behind another window.
fn tells_when_nobody_looks(screen: &mut Screen, notification: &str) {
    screen.see("CONTACTS");
    screen.press(b"\r");
    screen.see("Esc list");
    // tmux asks only once it knows the terminal outside.
    until(screen, WATCH);
    write(screen, GAINED, "give me a minute");
    screen.settle();
    assert!(!said(screen).contains("bob wrote"), "nothing is told of what is before one's eyes");
    let rang = bells(screen);
    write(screen, LOST, "agreed");
    screen.settle();
    let text = said(screen);
    assert_eq!(text.matches(notification).count(), 1, "{notification:?} in {text:?}");
    assert!(bells(screen) > rang, "and the bell rings");
}

#[test]
fn what_is_told_depends_on_the_focus_and_each_terminal_gets_its_own_form() {
    for (osc, form) in [
        ("9", "\x1b]9;tincan: bob wrote to you\x07"),
        ("99", "\x1b]99;i=tincan:d=0;tincan\x07\x1b]99;i=tincan:d=1:p=body;bob wrote to you\x07"),
        ("777", "\x1b]777;notify;tincan;bob wrote to you\x07"),
    ] {
        let (_scratch, path) = config("osc", &format!("[notify]\nosc = \"{osc}\"\n"));
        let mut screen = Screen::demo(&["--config", path.to_str().unwrap()]);
        tells_when_nobody_looks(&mut screen, form);
    }
}

#[test]
fn a_call_that_is_told_rings_at_once() {
    let (_scratch, path) = config("ring", "[notify]\nosc = \"9\"\n");
    let mut screen = Screen::demo(&["--config", path.to_str().unwrap()]);
    screen.press(LOST);
    // The notification ends with a byte that would be a bell by itself; the bell comes right after it.
    until(&mut screen, " is calling you\x07\x07");
}

#[test]
fn do_not_disturb_tells_of_nothing_outside() {
    let (_scratch, path) = config("dnd", "[notify]\nosc = \"9\"\ndnd = true\n");
    let mut screen = Screen::demo(&["--config", path.to_str().unwrap()]);
    screen.press(b"\r");
    screen.see("Esc list");
    write(&mut screen, LOST, "give me a minute");
    screen.settle();
    let text = said(&screen);
    let strings = text.split("\x1b]").skip(1).filter(|string| !string.starts_with("2;")).count();
    assert_eq!((strings, bells(&screen)), (0, 0), "{text:?}");
}

/// Words that would like to be a string of their own, in the name of the server and in all texts, with the preview on.
#[test]
fn a_hostile_text_stays_inside_its_notification() {
    let words = "a\x1b\\\x07\x1b]52;c;eA==\x07;b\u{9c}\u{9d}0;x\r\nc";
    for osc in ["9", "99", "777"] {
        let (_scratch, path) = config("hostile", &format!("[notify]\nosc = \"{osc}\"\npreview = true\n"));
        let mut screen = Screen::demo(&["--config", path.to_str().unwrap(), "--demo-words", words]);
        screen.press(LOST);
        screen.see("grace");
        screen.settle();
        let text = said(&screen);
        let told: Vec<&str> = text.split("\x1b]").skip(1).filter(|string| string.starts_with(osc)).collect();
        assert!(told.iter().any(|string| string.contains("carol: a")), "{text:?}");
        for string in text.split("\x1b]").skip(1) {
            let known = ["2;", "9;tincan: ", "99;i=tincan:d=", "777;notify;tincan;"];
            assert!(known.iter().any(|begin| string.starts_with(begin)), "{string:?}");
            let inside = string.split('\u{7}').next().unwrap();
            assert!(!inside.contains(char::is_control), "{string:?}");
        }
    }
}

/// tmux hands on what is wrapped for the terminal outside, rings its bell, and tells of its focus.
#[test]
fn a_notification_gets_through_tmux() {
    let Some(tmux) = tool("tmux") else { return };
    let (scratch, path) = config("tmux-osc", "[notify]\nosc = \"777\"\n");
    let (socket, conf) = (scratch.0.join("socket"), scratch.0.join("tmux.conf"));
    std::fs::write(&conf, "set -g allow-passthrough on\nset -g focus-events on\n").unwrap();
    let mut command = at_home(portable_pty::CommandBuilder::new(&tmux));
    command.args(["-u", "-f"]);
    command.arg(&conf);
    command.arg("-S");
    command.arg(&socket);
    command.args(["new-session", program(), "--demo", "--demo-clock", "14:32", "--config"]);
    command.arg(&path);
    let _server = Tmux(tmux, socket);
    let mut screen = Screen::spawn(command, 80, 24);
    screen.listen();
    tells_when_nobody_looks(&mut screen, "\x1b]777;notify;tincan;bob wrote to you\x07");
    screen.press(b"\x03\x03");
    screen.wait_exit();
}

/// The demonstration's bob has sent an address. A terminal that is known to open links gets it once, and nothing of it
/// again while others write and the cursor moves; one that is not known gets text.
#[test]
fn a_terminal_that_is_known_opens_links_and_others_get_text() {
    let link = ";https://example.org/notes/jitter-buffer\x1b\\";
    let of = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = demo(arguments);
        variables.iter().for_each(|(name, value)| command.env(name, value));
        let mut screen = Screen::spawn(command, 80, 24);
        screen.listen();
        screen.see("https://example.org/notes/jitter-buffer");
        screen.press(b"\rabc");
        screen.see("> abc");
        screen.press(b"\x1b");
        screen.see("c call");
        screen
    };
    let screen = of(&[("VTE_VERSION", "7600")], &[]);
    let text = said(&screen);
    assert_eq!((text.matches("\x1b]8;id=").count(), text.matches(link).count()), (1, 1), "{text:?}");
    let (linked, _) = text.split_once(link).unwrap().1.split_once("\x1b]8;;\x1b\\").unwrap();
    assert!(linked.contains("https://example.org/notes/jitter-buffer"), "{linked:?}");
    let (_scratch, off) = config("links-off", "[ui]\nlinks = \"off\"\n");
    let (_other, on) = config("links-on", "[ui]\nlinks = \"on\"\n");
    let (off, on) = (["--config", off.to_str().unwrap()], ["--config", on.to_str().unwrap()]);
    let tmux = [
        ("TMUX", "x"),
        ("TERM", "tmux-256color"),
        ("TERM_PROGRAM", "tmux"),
        ("TERM_PROGRAM_VERSION", "3.3a"),
    ];
    for (variables, arguments, links) in [
        (&[][..], &[][..], 0),
        (&[], &on[..], 1),
        (&[("VTE_VERSION", "7600")], &off[..], 0),
        (&[("TERM", "linux"), ("VTE_VERSION", "7600")], &on[..], 0),
        (&[("TERM", "screen"), ("VTE_VERSION", "7600")], &on[..], 0),
        (&tmux[..], &[], 0),
        (&[&tmux[..3], &[("TERM_PROGRAM_VERSION", "3.4")]].concat(), &[], 1),
    ] {
        let screen = of(variables, arguments);
        assert_eq!(said(&screen).matches("\x1b]8;").count(), 2 * links, "{variables:?} {arguments:?}");
    }
}

/// What kitty 0.26 sends where releases are asked for, byte by byte as it was recorded: `a` and Enter, Space held and let go,
/// in a window that loses the keyboard with Space held, too.
#[test]
fn releases_are_asked_for_only_while_one_presses_to_talk() {
    let (_scratch, path) = config("kitty", "[voice]\ntransmit = \"ptt\"\n");
    let mut screen = Screen::demo(&["--config", path.to_str().unwrap()]);
    screen.see("CONTACTS");
    until(&mut screen, "\x1b[?u");
    screen.press(b"\x1b[?31u");
    screen.press(b"\x1b[13u\x1b[13;1:3u");
    screen.see("Esc list");
    screen.press(b"\x1b[97;;97u\x1b[97;1:3u\x1b[57441u\x1b[97:65;2;65u\x1b[57441;2:3u\x1b[97;1:3u\x1b[233;129u\x1b[233;129:3u");
    screen.see("> aAé");
    screen.press(b"\x1b[127u\x1b[127;1:3u");
    screen.see("> aA ");
    screen.press(b"\x1b[27u\x1b[27;1:3u");
    screen.see("c call");
    screen.press(b"\x1b[99;;99u\x1b[99;1:3u");
    screen.see("hold F5");
    screen.press(b"\x1b[103;5u\x1b[103;1:3u");
    screen.see("silent: hold Space to talk");
    screen.press(b"\x1b[32;;32u");
    screen.see("LIVE while Space is held");
    screen.press(b"\x1b[32;1:2;32u\x1b[32;1:3u");
    screen.see("silent: hold Space to talk");
    screen.press(b"\x1b[32;;32u");
    screen.see("LIVE while Space is held");
    screen.press(LOST);
    screen.see("silent: hold Space to talk");
    screen.press(b"\x1b[99;5u\x1b[99;5:3u\x1b[99;5u");
    screen.wait_exit();
    screen.settle();
    let whole = ["\x1b[?1049h", PUSH, WATCH, RELEASES, "\x1b[?u", LOOK_AWAY, POP, "\x1b[?1049l"];
    assert_eq!(asked(&screen), whole);
}

/// In the settings, there and back.
#[test]
fn releases_are_asked_for_once_they_are_needed() {
    let mut screen = Screen::demo(&[]);
    screen.see("CONTACTS");
    screen.press(b",\t");
    screen.see("everybody hears you");
    screen.press(b"\r");
    screen.see("to be heard");
    until(&mut screen, "\x1b[?u");
    screen.press(b"\r");
    screen.see("everybody hears you");
    until(&mut screen, NO_RELEASES);
    assert_eq!(asked(&screen), ["\x1b[?1049h", PUSH, WATCH, RELEASES, "\x1b[?u", NO_RELEASES]);
}

/// Who stops the program is not there to be heard: it is silent when it goes on, whatever stopped it.
#[test]
fn a_stop_shuts_the_microphone_that_was_open() {
    let (_scratch, path) = config("ptt", "[voice]\ntransmit = \"ptt\"\n");
    let live = |screen: &mut Screen| {
        screen.see("CONTACTS");
        screen.press(b"c");
        screen.see("mic: silent");
        screen.press(b"\x1b[15~");
        screen.see("mic: LIVE");
    };
    let mut screen = Screen::demo(&["--config", path.to_str().unwrap()]);
    live(&mut screen);
    screen.signal("-STOP");
    screen.signal("-CONT");
    screen.see("mic: silent");
    let mut screen = super::stops::shell();
    screen.press(format!("{} --demo --config {} & fg\r", program(), path.display()).as_bytes());
    live(&mut screen);
    super::stops::signal(&super::stops::child_of(screen.pid()), "-TSTP");
    screen.see("Stopped");
    screen.press(b"fg\r");
    screen.see("mic: silent");
}

/// A window that is left and entered again is told of each time; nothing on the screen is another for it.
#[test]
fn the_focus_alone_writes_nothing() {
    let mut screen = Screen::start("focus");
    screen.settle();
    screen.press(LOST);
    screen.press(GAINED);
    // The minute may change once in between, which is the clock's one line.
    assert!(screen.settle() <= 20);
}
