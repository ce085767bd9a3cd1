//! Push-to-talk before anybody pressed: nobody is heard, whatever they use.

use crate::harness::process::{Headless, Server, tincan};
use crate::harness::signal::{RATE, level_db, read_wav};
use crate::harness::terminal::Terminal;
use crate::harness::{Scratch, my_turn};

/// Somebody whose microphone hears a tone, and what they type.
struct Talker {
    options: &'static [&'static str],
    join: fn(&mut Terminal),
    accept: &'static str,
    answer: fn(&mut Terminal),
    talk: &'static str,
}

const TALKERS: [Talker; 2] = [
    Talker {
        options: &[],
        join: |alice| alice.first_run("alice"),
        accept: "A",
        // The window ignores keys for its first half second, so that nobody answers by accident.
        answer: |alice| alice.press_until("y", "E2E"),
        // In the view of the call.
        talk: "\x07 ",
    },
    Talker {
        options: &["--plain", "--name", "alice"],
        join: |alice| alice.see("You are alice at "),
        accept: "/accept bob\n",
        answer: |alice| alice.press("/answer\n"),
        talk: "/talk\n",
    },
];

#[test]
fn nobody_is_heard_before_they_press() {
    let _turn = my_turn();
    for talker in TALKERS {
        let scratch = Scratch::new("press");
        let server = Server::start(&scratch);
        let (config, heard) = (scratch.join("config.toml"), scratch.join("bob-out.wav"));
        std::fs::write(&config, "[voice]\ntransmit = \"ptt\"\n").expect("the scratch directory takes it");
        let mut bob = Headless::start(&scratch, "bob", &server, &format!("wav:,{}", heard.display()), &[]);
        let [config, profile] = [config, scratch.join("alice")].map(|path| path.display().to_string());
        let common = ["--config", &config, "--device", "tone", "--profile", &profile, &server.invite];
        let words = [talker.options, &common].concat();
        let mut alice = Terminal::start("alice", tincan(), &words, &[]);
        (talker.join)(&mut alice);
        bob.say("add alice");
        alice.see("bob");
        alice.press(talker.accept);
        bob.expect_where("accepted", |event| event["name"] == "alice");
        bob.say("call alice");
        alice.see("bob is calling");
        (talker.answer)(&mut alice);
        bob.expect("call_live");
        // Told once a second: one of those lies between two of them.
        bob.say("figures on");
        (0..2).for_each(|_| drop(bob.expect("figures")));
        alice.press(talker.talk);
        bob.expect_where("member", |event| event["who"] == "alice" && event["muted"] == false);
        (0..2).for_each(|_| drop(bob.expect("figures")));
        bob.say("hangup");
        bob.expect("call_ended");
        assert!(bob.quit().success());
        let heard = read_wav(&heard);
        let first = heard.iter().position(|sample| sample.abs() > 0.001).expect("a tone after the press");
        let (silent, loud) = (first as f64 / RATE as f64, level_db(&heard[first..]));
        println!("{:?}: {silent:.1} s of silence, and {loud:.0} dB then", talker.options);
        assert!(silent > 1.0 && loud > -40.0, "{:?}: {silent} s, {loud:.0} dB", talker.options);
    }
}
