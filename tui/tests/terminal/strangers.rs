//! What others say in the real program: words that would like to be more than words, terminals that answer what nobody
//! asked, late or in pieces, and terminals that take nothing.

use super::screen::{Screen, demo};

/// Colours, titles, clipboard, other places on the screen, other directions, marks without an end.
const WORDS: [&str; 7] = [
    "\u{1b}[31;7mred\u{1b}[2J\u{1b}[H",
    "\u{1b}]0;owned\u{7}\u{1b}]2;owned\u{1b}\\",
    "\u{1b}]52;c;b3duZWQ=\u{1b}\\\u{1b}P+q\u{1b}\\",
    "\u{9b}2J\u{9d}0;owned\u{9c}\u{90}x\u{9c}",
    "\u{202e}gnp.exe\u{202c}\u{2066}a\u{200f}b\r\n\u{8}\u{8}x",
    "z\u{301}\u{302}\u{303}\u{304}\u{305}\u{306}\u{307}\u{0}\u{e0041}\u{feff}",
    "tincan://\u{1b}]8;;http://evil.example\u{1b}\\click\u{1b}]8;;\u{1b}\\",
];

/// The words are in every chat, the server's name, the devices' names, refusals and reasons; every page that shows one is
/// opened. What reaches the terminal is text between sequences of our own.
#[test]
fn no_word_of_others_is_more_than_text() {
    for words in WORDS {
        // A nul byte cannot be an argument.
        let words = words.replace('\0', "");
        let mut screen = Screen::demo(&["--demo-words", &words]);
        screen.press(b"jjj");
        screen.press(b"aheidi\r");
        screen.see("heidi and you are contacts now");
        screen.see_no("Add a contact");
        screen.press(b"abob\r");
        screen.see("Add a contact");
        screen.press(b"\x1b");
        screen.see_no("Add a contact");
        screen.press(b"gc");
        screen.see("E2E");
        screen.press(b"R\x07");
        screen.see("end-to-end");
        screen.press(b"RR\x07\x18");
        screen.see("You talked");
        screen.settle();
        assert_only_ours(&screen.raw, &words);
    }
}

/// Moves, attributes, modes and erasing as `CSI` with digits; titles and links as control strings without a control in
/// them; the line moves of the painter. Nothing else below a space, and nothing of C1.
fn assert_only_ours(raw: &[u8], words: &str) {
    let text = std::str::from_utf8(raw).expect("what is painted is UTF-8");
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => match rest.next() {
                Some('[') => {
                    let last = rest.by_ref().find(|c| !matches!(c, '0'..='9' | ';' | '?' | '>' | '=' | '<'));
                    assert!(last.is_some_and(|c| "mHCJhltu".contains(c)), "{words:?}: CSI {last:?}");
                }
                Some(']') => {
                    let string: String =
                        rest.by_ref().take_while(|c| !matches!(c, '\u{7}' | '\u{1b}')).collect();
                    assert!(!string.chars().any(char::is_control), "{words:?}: {string:?}");
                    assert!(
                        ["0;", "2;", "8;", "9;"].iter().any(|of| string.starts_with(of)),
                        "{words:?}: {string:?}"
                    );
                    assert!(!string.starts_with("8;;http://evil"), "{words:?}: {string:?}");
                    if rest.peek() == Some(&'\\') {
                        rest.next();
                    }
                }
                other => panic!("{words:?}: ESC {other:?}"),
            },
            '\r' | '\n' | '\u{8}' | '\u{7}' => {}
            c => {
                assert!(!c.is_control(), "{words:?}: {c:?}");
                assert!(!matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}' | '\u{2067}'), "{words:?}: {c:?}");
            }
        }
    }
}

/// Nobody answers anything, as this terminal does; and whatever comes late, or byte by byte, is no key.
#[test]
fn answers_that_come_late_and_in_pieces_type_nothing() {
    let mut screen = Screen::demo(&[]);
    screen.press(b"\r");
    let late: [&[u8]; 7] = [
        b"\x1b[?2026;2$y",
        b"\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\",
        b"\x1b[>41;354;0c",
        b"\x1bP>|XTerm(390)\x1b\\",
        b"\x1b[?62;1;4c",
        b"\x1b[?1u",
        b"\x1b[24;80R",
    ];
    for (at, reply) in late.into_iter().enumerate() {
        for byte in reply {
            screen.press(&[*byte]);
        }
        screen.press(&[b'0' + u8::try_from(at).unwrap()]);
    }
    screen.see("> 0123456");
    screen.settle();
    assert!(screen.contents().contains("> 0123456\n"), "{}", screen.contents());
}

/// Keys of several bytes that arrive one byte at a time are still one key, and letters of several bytes one letter.
#[test]
fn keys_that_arrive_in_pieces_are_keys() {
    let mut screen = Screen::demo(&[]);
    screen.press(b"\r");
    for piece in ["ab日本👍🏽cd", "\x1b[D\x1b[D", "\x1b[200~one\ntwo\x1b[201~", "\x1b[1;5D"] {
        for byte in piece.bytes() {
            screen.press(&[byte]);
        }
    }
    screen.see("ab日本");
    screen.see("one↵twocd");
    // A lone Escape is one, after a moment.
    screen.press(b"\x1b");
    screen.see("c call");
}

/// A terminal that takes nothing while a call goes on: the program keeps its size, keys still count, and what is seen
/// when somebody looks again is the newest.
#[test]
fn a_terminal_that_takes_nothing_does_not_stop_a_call() {
    let mut screen = Screen::spawn(demo(&[]), 80, 24);
    screen.press(b"c");
    screen.see_and_look_away("E2E");
    screen.press(b"\x07");
    let pid = screen.pid();
    let resident = |of: &str| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with(of)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    };
    let early = resident("VmRSS");
    // Each of these wants a whole frame, far more than the pty holds.
    for _ in 0..2_000 {
        screen.press(b"\x0c\x0c\x0c\x0c");
    }
    screen.press(b"x");
    let before = screen.raw.len();
    screen.listen();
    screen.see("You talked");
    let waiting = screen.raw.len() - before;
    assert!(waiting < 200_000, "{waiting} bytes were waiting");
    let most = resident("VmHWM");
    assert!(most < early + 16 * 1024, "{early} KiB grew to {most} KiB");
    assert!(!screen.contents().contains("E2E"), "the call is over:\n{}", screen.contents());
}
