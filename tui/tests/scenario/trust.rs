//! Two people at two terminals make sure that they talk to each other: by the four words of a call, and by a key that
//! changed, which stops everything until its name is typed.

use crate::harness::process::{Server, tincan};
use crate::harness::terminal::Terminal;
use crate::harness::{Scratch, my_turn, wait_for};

/// What the window says before its words.
const WORDS: &str = "this call:";

/// The first run at a terminal, without sound.
fn join(scratch: &Scratch, server: &Server, profile: &str, name: &str) -> Terminal {
    let mut terminal = start(scratch, server, profile);
    terminal.first_run(name);
    terminal
}

fn start(scratch: &Scratch, server: &Server, profile: &str) -> Terminal {
    let folder = scratch.join(profile);
    let folder = folder.to_str().expect("the scratch directory has a plain name");
    let words = ["--device", "null", "--profile", folder, &server.invite];
    Terminal::start(profile, tincan(), &words, &[])
}

/// The four words of the window, once they came.
fn words(terminal: &Terminal) -> Vec<String> {
    wait_for("four words", || {
        let screen = terminal.screen();
        let line =
            screen.lines().find_map(|line| line.split_once(WORDS).map(|(_, words)| words.to_owned()))?;
        let line = line.split('│').next()?;
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let whole = words.len() == 4 && words.iter().all(|word| word.chars().all(char::is_alphabetic));
        whole.then_some(words)
    })
}

#[test]
fn two_people_in_a_call_see_the_same_four_words_and_verify_each_other() {
    let _turn = my_turn();
    let scratch = Scratch::new("words");
    let server = Server::start(&scratch);
    let mut alice = join(&scratch, &server, "alice", "alice");
    let mut bob = join(&scratch, &server, "bob", "bob");
    alice.befriend(&mut bob);
    alice.press("c");
    bob.see("alice is calling");
    bob.press_until("y", "E2E");
    alice.see("E2E");
    for (terminal, who) in [(&mut alice, "bob"), (&mut bob, "alice")] {
        terminal.press("\x07");
        terminal.see("end-to-end");
        terminal.see("encrypted, not verified");
        terminal.press("s");
        terminal.see(&format!("Verify {who}"));
        terminal.see("Not verified yet.");
    }
    let (hers, his) = (words(&alice), words(&bob));
    assert_eq!(hers, his);
    alice.press("y");
    alice.see("bob is verified: this key is theirs.");
    alice.see_no("Verify bob");
    bob.see("Not verified yet.");
    bob.press("y");
    bob.see("alice is verified: this key is theirs.");
    for terminal in [&mut alice, &mut bob] {
        terminal.see("end-to-end encrypted, verified");
        terminal.press("x");
        terminal.see_no("end-to-end");
    }
    // It is of the key: the next start knows it.
    drop(alice);
    let alice = start(&scratch, &server, "alice");
    alice.see("▌ ● bob");
    alice.see("✓ verified");
}

/// The server lost its people, and somebody else came first to bob's name.
#[test]
fn a_key_that_changed_stops_everything_until_the_name_is_typed() {
    let _turn = my_turn();
    let scratch = Scratch::new("changed");
    let mut server = Server::start_with(&scratch, &["--registration".to_owned(), "open".to_owned()]);
    let mut alice = join(&scratch, &server, "alice", "alice");
    let mut bob = join(&scratch, &server, "bob", "bob");
    alice.befriend(&mut bob);
    drop(bob);
    server.kill();
    for file in ["server.db", "server.db-wal", "server.db-shm"] {
        std::fs::remove_file(server.data().join(file)).expect("the server keeps its people there");
    }
    server.restart();
    // The server knows nobody any more; alice is let in as before, and has no friend there. Nobody takes his place.
    alice.see("Nobody is chosen");
    alice.see_no("▌ ● bob");
    let mut other = join(&scratch, &server, "mallory", "bob");
    other.press("aalice\r");
    alice.see("The key behind bob is another one");
    alice.see("bob has another key");
    // No key that is pressed by habit says yes.
    alice.press("y\r");
    alice.see("That is not the name");
    alice.press("\x1b");
    alice.see_no("bob has another key");
    alice.press("jc");
    alice.see("bob has another key");
    assert!(!other.screen().contains("is calling"), "{}", other.screen());
    alice.press("bob\r");
    alice.see("The new key is bob's now. It is not verified");
    other.see("▌ ● alice");
    alice.press("c");
    other.see("alice is calling");
}
