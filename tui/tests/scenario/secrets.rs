//! What two people write to each other is nowhere in the server: not in its memory, its database or its log.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use crate::harness::Scratch;
use crate::harness::process::{Headless, Server};

const MARKER: &str = "the-plums-are-in-the-icebox";

#[test]
fn the_server_never_holds_what_was_written() {
    let scratch = Scratch::new("secrets");
    let mut server = Server::start(&scratch);
    let mut alice = Headless::start(&scratch, "alice", &server, "null", &[]);
    let mut bob = Headless::start(&scratch, "bob", &server, "null", &[]);
    alice.befriend(&mut bob);
    alice.say(&format!("say bob {MARKER}"));
    bob.expect_where("message", |event| event["text"] == MARKER);
    alice.expect_where("message_state", |event| event["state"] == "delivered");
    // One more waits for somebody who is away: it must wait at alice's, not at the server.
    bob.quit();
    alice.expect_where("presence", |event| event["name"] == "bob");
    alice.say(&format!("say bob again {MARKER}"));
    alice.expect_where("message_state", |event| event["state"] == "waiting");
    assert!(alice.stays_quiet_about("error", Duration::from_millis(300)));

    assert!(in_memory(alice.pid()), "the search must find the text where it is");
    assert!(!in_memory(server.pid()), "the server's memory holds the text");
    assert_eq!(server.terminate().code(), Some(0));
    assert!(in_files(&scratch.join("alice")), "the search must find the text where it is");
    assert!(!in_files(server.data()), "the server's data hold the text");
    assert!(
        !holds(&fs::read(scratch.join("server.log")).expect("the server has a log")),
        "the log holds the text"
    );
}

fn holds(bytes: &[u8]) -> bool {
    bytes.windows(MARKER.len()).any(|window| window == MARKER.as_bytes())
}

fn in_files(folder: &Path) -> bool {
    fs::read_dir(folder).expect("the folder is there").flatten().any(|entry| {
        let path = entry.path();
        // Sockets and the like hold nothing.
        if path.is_dir() { in_files(&path) } else { fs::read(&path).is_ok_and(|bytes| holds(&bytes)) }
    })
}

/// Looks through all memory a child of ours can read and write.
fn in_memory(pid: u32) -> bool {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("the program runs");
    let mut memory = File::open(format!("/proc/{pid}/mem")).expect("a parent may read its child's memory");
    maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|rights| rights.starts_with("rw"))).any(
        |line| {
            let range = line.split(' ').next().and_then(|range| range.split_once('-'));
            let (start, end) = range.expect("the kernel writes ranges");
            let number = |text| u64::from_str_radix(text, 16).expect("the kernel writes numbers");
            let mut bytes = vec![0; (number(end) - number(start)) as usize];
            // A region may be gone by now, or belong to the kernel.
            memory.seek(SeekFrom::Start(number(start))).is_ok()
                && memory.read_exact(&mut bytes).is_ok()
                && holds(&bytes)
        },
    )
}
