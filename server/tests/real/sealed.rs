//! What two people say to each other is nowhere on its way: not on the wire, not in the server's memory, not in its
//! database or log.
//!
//! The people are the real client and media machines with the real ratchet and SFrame, the server is the real
//! program. Between them a tap copies every byte of TCP and every datagram. The text has a marker in it, and so has
//! every frame of "speech": nothing on the way decodes Opus, so a frame of ours may hold any bytes, and finding
//! those bytes is finding the speech. That the search finds what is there is shown with things that are: the marker
//! in this process, which holds both ends, and a name, which the server must know, in the server.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Duration;

use proto::client::{Command, Event};

use crate::friend::{Friend, Scratch, name, together};
use crate::people::{befriend, exchange};
use crate::process::{GENEROUS, Tincand};
use crate::tap::Tap;

const TEXT: &str = "the-plums-are-in-the-icebox";
const SPEECH: &[u8] = b"so-much-depends-upon-a-red-wheel-barrow";
const CALLER: &str = "alice-who-is-known";

#[test]
fn nothing_on_the_way_holds_what_was_said() {
    let scratch = Scratch::new();
    let server = Tincand::start_talkative(scratch.path(), GENEROUS);
    let (tap, invite) = Tap::before(&server.invite);
    let (mut alice, mut bob) = (Friend::new(CALLER, 1, &invite), Friend::new("bob", 2, &invite));
    alice.log_in();
    bob.log_in();
    befriend(&mut alice, &mut bob);
    exchange(&mut alice, &mut bob, TEXT);
    exchange(&mut bob, &mut alice, TEXT);
    call(&mut alice, &mut bob);
    for _ in 0..FRAMES {
        alice.speak(&frame(), FRAME_TIME);
        bob.speak(&frame(), FRAME_TIME);
        alice.turn();
        bob.turn();
    }
    together("the speech of the other", &mut [&mut alice, &mut bob], |p| {
        p.iter().all(|person| person.heard.iter().filter(|heard| heard[..] == frame()).count() >= FRAMES / 2)
    });

    let memory = |process, needle: &[u8]| in_memory(process, &forms(needle));
    assert!(memory(std::process::id(), TEXT.as_bytes()), "the search must find the text where it is");
    assert!(memory(std::process::id(), SPEECH), "the search must find the speech where it is");
    assert!(memory(server.id(), CALLER.as_bytes()), "the search must find what the server knows");
    assert!(!memory(server.id(), TEXT.as_bytes()), "the server's memory holds the text");
    assert!(!memory(server.id(), SPEECH), "the server's memory holds the speech");
    assert_not_tapped(&tap);

    let data = scratch.path().join("data");
    // The write-ahead log is there as long as the server runs.
    assert!(data.join("server.db-wal").exists());
    assert_not_in_files(&data);
    let log = server.leave();
    assert!(!log.is_empty() && !holds(&log, TEXT.as_bytes()) && !holds(&log, SPEECH), "the log holds it");
    assert_not_in_files(&data);
}

fn call(alice: &mut Friend, bob: &mut Friend) {
    alice.say(Command::Call(vec![name("bob")]));
    together("the ringing", &mut [&mut *alice, &mut *bob], |p| {
        p[1].events.iter().any(|e| matches!(e, Event::Incoming { .. }))
    });
    bob.say(Command::Answer);
    together("the call", &mut [alice, bob], |p| {
        let hears = |person: &&mut Friend| person.events.iter().any(|e| matches!(e, Event::Heard(_)));
        p.iter().all(|person| person.live) && p.iter().all(hears)
    });
}

/// An Opus packet of 20 ms by its first byte, and our marker as its sound.
fn frame() -> Vec<u8> {
    [&[31 << 3], SPEECH].concat()
}

fn assert_not_tapped(tap: &Tap) {
    tap.copied(|copied| {
        assert!(copied.datagrams.len() >= 4 * FRAMES / 2, "both ways, to the server and from it");
        assert!(copied.streams.iter().map(Vec::len).sum::<usize>() > 10_000);
        for bytes in copied.streams.iter().chain(&copied.datagrams) {
            for known in [TEXT.as_bytes(), SPEECH, CALLER.as_bytes()] {
                assert!(!holds(bytes, known), "{:?} passed in the clear", String::from_utf8_lossy(known));
            }
        }
    });
}

fn assert_not_in_files(folder: &Path) {
    let mut known = false;
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let bytes = fs::read(entry.path()).unwrap();
        for marker in [TEXT.as_bytes(), SPEECH] {
            assert!(!holds(&bytes, marker), "{} holds it", entry.path().display());
        }
        known |= holds(&bytes, CALLER.as_bytes());
    }
    assert!(known, "the search must find a name, which the server keeps");
}

// --- looking ---

/// The bytes as they are, and as UTF-16 of both orders.
fn forms(needle: &[u8]) -> [Vec<u8>; 3] {
    let wide = |order: fn(u16) -> [u8; 2]| needle.iter().flat_map(|b| order(u16::from(*b))).collect();
    [needle.to_vec(), wide(u16::to_le_bytes), wide(u16::to_be_bytes)]
}

fn holds(bytes: &[u8], needle: &[u8]) -> bool {
    forms(needle).iter().any(|form| found(bytes, form))
}

fn found(mut bytes: &[u8], needle: &[u8]) -> bool {
    while let Some(at) = bytes.iter().position(|byte| *byte == needle[0]) {
        bytes = &bytes[at..];
        if bytes.starts_with(needle) {
            return true;
        }
        bytes = &bytes[1..];
    }
    false
}

/// Looks through all memory of a process that can be read: heap, stacks, and what is mapped from files.
fn in_memory(process: u32, needles: &[Vec<u8>]) -> bool {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let mut memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let mut seen = 0;
    let mut is_there = false;
    for line in maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|r| r.starts_with('r'))) {
        let (start, end) = line.split(' ').next().and_then(|range| range.split_once('-')).unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        let (start, end) = (number(start), number(end));
        let mut bytes = Vec::new();
        // A region may be gone by now, or belong to the kernel.
        if memory.seek(SeekFrom::Start(start)).is_ok() {
            let _ = memory.by_ref().take(end - start).read_to_end(&mut bytes);
        }
        seen += bytes.len();
        is_there |= needles.iter().any(|needle| found(&bytes, needle));
    }
    assert!(seen > 1 << 20, "only {seen} bytes of memory could be read");
    is_there
}

const FRAMES: usize = 100;
const FRAME_TIME: Duration = Duration::from_millis(20);
