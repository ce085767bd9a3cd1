//! The real program on a terminal of ours: what it writes, what it survives, and how it gives the terminal back.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use screen::Screen;
use std::process::{Command, Stdio};

#[path = "terminal/far.rs"]
mod far;
#[path = "terminal/keys.rs"]
mod keys;
#[path = "harness/nobody.rs"]
mod nobody;
#[path = "terminal/outside.rs"]
mod outside;
#[path = "terminal/screen.rs"]
mod screen;
#[path = "terminal/sizes.rs"]
mod sizes;
#[path = "terminal/stops.rs"]
mod stops;
#[path = "terminal/strangers.rs"]
mod strangers;

#[test]
fn the_terminal_is_as_before_however_the_program_ends() {
    for (name, code) in [("-TERM", 0), ("-HUP", 0), ("-QUIT", 0), ("-INT", 130)] {
        let mut screen = Screen::start(name);
        assert!(screen.vt.screen().alternate_screen());
        screen.signal(name);
        assert_eq!(screen.wait_exit().exit_code(), code, "{name}");
        screen.assert_given_back();
    }
    let mut screen = Screen::start("keys");
    screen.press(b"\x03");
    screen.see("again to quit");
    screen.press(b"\x03");
    assert_eq!(screen.wait_exit().exit_code(), 0);
    screen.assert_given_back();
}

/// A shell that could continue us is not there, so the kernel does not stop us: we are back at once.
#[test]
fn suspending_where_nobody_could_continue_us_comes_back() {
    let mut screen = Screen::start("suspend");
    screen.press(b"\x1a");
    screen.settle();
    assert!(screen.vt.screen().alternate_screen());
    screen.press(b"\x15zoe");
    screen.see("name      zoe");
    screen.signal("-STOP");
    screen.signal("-CONT");
    screen.settle();
    screen.see("name      zoe");
}

#[test]
fn replies_nobody_asked_for_are_not_typed_and_do_not_stop_the_keys() {
    let mut screen = Screen::start("replies");
    let replies: [&[u8]; 4] = [
        b"\x1b[?2026;2$y",
        b"\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\",
        b"\x1b[>41;354;0c",
        b"\x1bP>|XTerm(390)\x1b\\",
    ];
    screen.press(b"\x15");
    for reply in replies {
        let (head, tail) = reply.split_at(reply.len() / 2);
        screen.press(head);
        screen.press(tail);
        screen.press(b"z");
    }
    screen.see("name      zzzz ");
}

#[test]
fn idle_writes_nothing_and_a_typed_letter_is_at_most_twenty_bytes() {
    let mut screen = Screen::start("bytes");
    screen.settle();
    // The minute may change once in between, which is the clock's one line.
    assert!(screen.settle() <= 20);
    for (letter, seen) in [(b'b', "name      b "), (b'c', "name      bc "), (b'd', "name      bcd ")] {
        let before = screen.raw.len();
        screen.press(&[letter]);
        screen.see(seen);
        screen.settle();
        let bytes = screen.raw.len() - before;
        assert!((1..=40).contains(&bytes), "{bytes} bytes for a letter, and at most a minute of the clock");
    }
    screen.see("name      bcd ");
}

/// While the terminal takes nothing, keys are still read and no bytes pile up; then the newest state is shown.
#[test]
fn a_terminal_that_takes_nothing_neither_blocks_nor_fills_the_program() {
    let mut screen = Screen::deaf("deaf", "xterm-256color");
    for _ in 0..3000 {
        // Moves the whole line each time, so that every frame would be large.
        screen.press(b"\x0c\x15abcdefghijklmnop\x15");
    }
    screen.press(b"zoe");
    screen.listen();
    screen.see("name      zoe");
    assert!(screen.raw.len() < 200_000, "{} bytes were waiting", screen.raw.len());
}

#[test]
fn without_a_terminal_it_says_so() {
    let mut screen = Screen::deaf("dumb", "dumb");
    screen.listen();
    assert_eq!(screen.wait_exit().exit_code(), 2);
    screen.settle();
    assert!(screen.contents().contains("--headless"), "{}", screen.contents());
    let output = Command::new(env!("CARGO_BIN_EXE_tincan"))
        .envs(nobody::HOMES)
        .args(["--device", "null", "--profile"])
        .arg(std::env::temp_dir().join(format!("tincan-terminal-none-{}", std::process::id())))
        .arg("127.0.0.1:9")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--headless"));
    assert!(output.stdout.is_empty());
}

#[test]
fn resizing_redraws_at_every_size() {
    let mut screen = Screen::start("resize");
    for (cols, rows, text) in [(50, 12, "name"), (30, 6, "at least 40x10"), (120, 40, "Welcome to tincan")] {
        screen.settle();
        screen.resize(cols, rows);
        screen.see(text);
    }
}
