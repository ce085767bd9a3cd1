//! `tincan doctor --audio` and `tincan echo`, against a private sound world and against none.

use std::process::{Command, Output, Stdio};

use crate::harness::process::{Server, program, tincan};
use crate::harness::signal::{self, find, level_db, voice_like};
use crate::harness::sound::World;
use crate::harness::{Scratch, my_turn};

fn run(words: &[&str], environment: &[(String, String)]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = program()
        .args(words)
        .env_remove("ALSA_CONFIG_PATH")
        .envs(environment.iter().map(|(key, value)| (key, value)))
        .stdin(Stdio::null())
        .output()
        .expect("tincan starts");
    let said = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    assert!(!said.contains('\u{1b}'), "plain text: {said:?}");
    (status.code(), said)
}

#[test]
fn a_world_of_sound_is_listed_measured_and_judged() {
    let _turn = my_turn();
    let scratch = Scratch::new("doctor");
    let Some(world) = World::start(&scratch.join("w")) else { return };
    let alice = world.endpoint("alice");
    // Holds the world's period down, as a real sound card does.
    let _recording = world.record();
    let (exit, said) = run(&["doctor", "--audio"], &alice);
    assert_eq!(exit, Some(1), "a dead microphone fails: {said}");
    // ALSA would do, too, as is shown below.
    assert!(said.contains("sound system   ok    PulseAudio or PipeWire\n"), "{said}");
    assert!(said.contains("alice_mic"), "{said}");
    assert!(said.contains("FAIL  silent") && said.contains("fix:  unmute"), "{said}");
    assert!(said.contains("callbacks in   ok    48000 Hz"), "{said}");

    // A room: what the speaker plays comes back to the microphone, with a voice over it.
    let room = ["source=alice_spk.monitor", "sink=alice_mic_in", "latency_msec=20"];
    let pactl = Command::new("pactl")
        .args(["load-module", "module-loopback"])
        .args(room)
        .envs(alice.iter().map(|(key, value)| (key, value)))
        .output()
        .expect("pactl is there with pulseaudio");
    assert!(pactl.status.success(), "{}", String::from_utf8_lossy(&pactl.stderr));
    let voice: Vec<f32> = voice_like(5, 30.0).iter().map(|sample| sample * 0.2).collect();
    let playing = world.play("alice", &voice);
    // What calls ring on is looked at where it is another device.
    let config = scratch.join("config.toml");
    let doctor = ["doctor", "--audio", "--config", config.to_str().expect("a plain name")];
    std::fs::write(&config, "ring_device = \"bob_spk\"\n").expect("the scratch directory takes it");
    let (exit, said) = run(&doctor, &alice);
    assert!(said.contains("level          ok") && said.contains("round trip     ok"), "{said}");
    assert!(said.contains("ring device    ok    bob_spk"), "{said}");
    // Callbacks that came late on a busy machine are a failure of that machine.
    let failed = said.lines().filter(|line| line.contains("FAIL") && !line.contains("callbacks"));
    assert_eq!(failed.collect::<Vec<_>>(), [""; 0], "{said}");
    assert_eq!(exit, Some(i32::from(said.contains("FAIL"))), "{said}");
    std::fs::write(&config, "ring_device = \"Kitchen\"\n").expect("the scratch directory takes it");
    let (exit, said) = run(&doctor, &alice);
    assert!(
        said.contains("Kitchen is not there") && said.contains("Ring device") && exit == Some(1),
        "{said}"
    );
    drop(playing);
    // The same world with nobody at the server's door.
    let nowhere = ("PULSE_SERVER".to_owned(), format!("unix:{}", scratch.join("none").display()));
    let alsa: Vec<(String, String)> =
        alice.into_iter().filter(|(key, _)| key != "PULSE_SERVER").chain([nowhere]).collect();
    let (_, said) = run(&["doctor", "--audio"], &alsa);
    assert!(said.contains("sound system   ok    ALSA\n"), "{said}");
}

#[test]
fn without_a_sound_system_it_says_what_to_install() {
    if std::path::Path::new("/dev/snd").exists() {
        // ALSA would be found, and rightly.
        return;
    }
    let scratch = Scratch::new("doctor-none");
    let nowhere = format!("unix:{}", scratch.join("none").display());
    let none = [("PULSE_SERVER".to_owned(), nowhere)];
    let (exit, said) = run(&["doctor", "--audio"], &none);
    assert_eq!(exit, Some(6), "{said}");
    assert!(said.contains("FAIL  no sound system answers") && said.contains("apt install"), "{said}");
    assert!(said.contains("codec          ok"), "what can be looked at is: {said}");
    let (exit, said) = run(&["echo", "--local"], &none);
    assert_eq!(exit, Some(6), "{said}");
    let profile = scratch.join("nobody");
    let (exit, said) = run(&["doctor", "--profile", profile.to_str().expect("it is text")], &none);
    assert_eq!(exit, Some(6), "{said}");
    assert!(said.contains("server         note  none is known yet"), "{said}");
    assert!(said.contains("keyboard       note  not asked") && said.contains("日本語"), "{said}");
}

#[test]
fn without_a_sound_server_a_card_is_listed_for_both_its_halves() {
    if !std::path::Path::new("/usr/share/alsa/alsa.conf").exists() {
        return;
    }
    let scratch = Scratch::new("doctor-alsa");
    let config = scratch.join("asound.conf");
    let card = "</usr/share/alsa/alsa.conf>\npcm.!default { type hw card 99 }\n\
                pcm.desk { type null hint { show on description \"Desk Phone\" } }\n";
    std::fs::write(&config, card).expect("the scratch directory takes it");
    let world = [
        ("PULSE_SERVER".to_owned(), format!("unix:{}", scratch.join("none").display())),
        ("ALSA_CONFIG_PATH".to_owned(), config.display().to_string()),
    ];
    let (_, said) = run(&["doctor", "--audio"], &world);
    assert!(said.contains("sound system   ok    ALSA"), "{said}");
    assert!(said.contains("microphone Desk Phone") && said.contains("speaker Desk Phone"), "{said}");
    assert!(!said.contains("Plugin") && !said.contains("Discard"), "parts are no devices: {said}");
}

#[test]
fn the_server_is_looked_at_with_and_without_a_login() {
    let scratch = Scratch::new("doctor-server");
    let mut server = Server::start(&scratch);
    let profile = scratch.join("erin");
    let profile = profile.to_str().expect("it is text");
    let doctor = |words: &[&str]| {
        let words = [&["doctor", "--device", "tone", "--profile", profile], words].concat();
        run(&words, &[("LC_ALL".to_owned(), "C.UTF-8".to_owned())])
    };
    let (exit, said) = doctor(&["--server", &server.invite]);
    assert_eq!(exit, Some(0), "{said}");
    for line in [
        "TCP            ok",
        "TLS            ok    1.3",
        "server key     ok    as expected",
        "UDP            ok",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(said.contains("NAT            ok    none: the server hears 127.0.0.1 itself"), "{said}");
    // A busy machine makes it some milliseconds.
    assert!(said.contains("clock          ok    ") && said.ends_with("Nothing fails.\n"), "{said}");

    let address = server.address.to_string();
    let (exit, said) = doctor(&["--json", "--server", &address]);
    assert_eq!(exit, Some(0), "{said}");
    let checks: Vec<serde_json::Value> =
        said.lines().map(|line| serde_json::from_str(line).expect("each line is an object")).collect();
    let of = |check: &str| checks.iter().find(|one| one["check"] == check).map(|one| one["result"].clone());
    assert_eq!(of("server key"), Some("note".into()), "nobody vouched for it: {said}");
    assert_eq!((of("UDP"), of("codec")), (Some("ok".into()), Some("ok".into())));
    assert_eq!(checks.last().map(|last| last["failed"].clone()), Some(0.into()));

    server.kill();
    let (exit, said) = doctor(&["--server", &address]);
    assert_eq!(exit, Some(3), "{said}");
    assert_eq!((said.matches("FAIL").count(), said.matches("fix:").count()), (1, 1), "{said}");
}

/// The keyboard is asked and waited for, and the terminal is as it was afterwards.
#[test]
fn a_terminal_that_never_answers_holds_nothing_up() {
    let scratch = Scratch::new("doctor-terminal");
    let profile = scratch.join("erin");
    let profile = profile.to_str().expect("it is text");
    let words = ["doctor", "--device", "tone", "--profile", profile];
    let mut asked = crate::harness::terminal::Terminal::start("erin", tincan(), &words, &[]);
    asked.see("keyboard       note  no answer in time");
    asked.see("Nothing fails.");
    assert!(asked.wait_exit().success());
    let dumb = [("TERM".to_owned(), "dumb".to_owned())];
    let mut dumb = crate::harness::terminal::Terminal::start("dumb", tincan(), &words, &dumb);
    dumb.see("keyboard       note  not asked");
    assert!(dumb.wait_exit().success());
}

#[test]
fn an_echo_test_without_a_server_ends_well_and_says_so_and_a_wrong_word_does_not() {
    let _turn = my_turn();
    let scratch = Scratch::new("doctor-nowhere");
    let profile = scratch.join("erin").display().to_string();
    let echo = |more: &[&str]| {
        run(&[&["echo", "--device", "tone", "--profile", profile.as_str()], more].concat(), &[])
    };
    let (exit, said) = echo(&[]);
    assert_eq!(exit, Some(0), "{said}");
    assert!(said.contains("not called: no server is known;"), "{said}");
    for wrong in [&["--bind", "127.0.0.1"][..], &["--protocol", "binary"]] {
        let (exit, said) = echo(wrong);
        assert_eq!(exit, Some(2), "{said}");
        assert!(!said.contains("speak now"), "said before anybody speaks: {said}");
    }
}

/// A file is who speaks, and another is what they hear.
#[test]
fn what_is_said_to_the_echo_test_is_played_back_once_it_was_said() {
    let _turn = my_turn();
    let scratch = Scratch::new("doctor-local");
    let (spoken, played) = (scratch.join("in.wav"), scratch.join("out.wav"));
    // As long as it listens.
    let voice = voice_like(21, 3.0);
    signal::write_wav(&spoken, &voice);
    let device = format!("wav:{},{}", spoken.display(), played.display());
    let profile = scratch.join("erin").display().to_string();
    let (exit, said) = run(&["echo", "--local", "--device", &device, "--profile", &profile], &[]);
    assert_eq!(exit, Some(0), "{said}");
    assert!(said.contains("this is what was heard") && !said.contains("not called"), "{said}");
    let heard = signal::read_wav(&played);
    let found = find(&voice, &heard);
    assert!(found.likeness > 0.99 && found.level_db.abs() < 0.1, "{found:?}");
    assert!(level_db(&heard[..voice.len()]) < -100.0, "nothing is played to whoever speaks");
}

#[test]
fn the_echo_test_hears_itself_here_and_then_at_the_server() {
    let _turn = my_turn();
    let scratch = Scratch::new("doctor-echo");
    let server = Server::start(&scratch);
    let profile = scratch.join("erin");
    let words = ["echo", "--device", "tone", "--server", &server.invite, "--name", "erin", "--profile"];
    let words: Vec<&str> = words.into_iter().chain(profile.to_str()).collect();
    let mut child = program()
        .args(&words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("tincan starts");
    let lines = std::io::BufReader::new(child.stderr.take().expect("stderr is piped"));
    let mut lines = std::io::BufRead::lines(lines).map_while(Result::ok);
    assert!(lines.any(|line| line.contains("echo is in the call")), "the server's echo is called");
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.is_ok_and(|status| status.success()));
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(130), "{:?}", lines.collect::<Vec<_>>());
}
