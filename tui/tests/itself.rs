//! What the real programs say of themselves: manual pages, completions, and what is wrong with a configuration.

#[path = "harness/nobody.rs"]
mod nobody;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn run(program: &Path, args: &[&str]) -> Output {
    let output = Command::new(program)
        .args(args)
        .env_remove("NO_COLOR")
        .envs(nobody::HOMES)
        .stdin(Stdio::null())
        .output();
    output.expect("the program was built with this test")
}

fn tincan(args: &[&str]) -> Output {
    run(Path::new(env!("CARGO_BIN_EXE_tincan")), args)
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("tincan-itself-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("there is room for a folder");
    folder
}

/// Feeds a text to a checker; none when this machine does not have it.
fn checked(program: &str, args: &[&str], text: &[u8]) -> Option<Output> {
    let file = folder(program).join("text");
    std::fs::write(&file, text).expect("there is room for a file");
    let output = Command::new(program).args(args).arg(&file).env("MANWIDTH", "80").output();
    std::fs::remove_dir_all(folder(program)).expect("it was just made");
    output.ok()
}

#[test]
fn bash_understands_the_completions_and_each_names_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = tincan(&["completions", shell]);
        assert!(script.status.success());
        let text = String::from_utf8(script.stdout.clone()).expect("it is text");
        for word in ["doctor", "config", "completions", "plain"] {
            assert!(text.contains(word), "{shell}: {word}");
        }
        if shell == "bash" {
            let said = checked("bash", &["-n"], &script.stdout).expect("bash is there");
            assert!(
                said.status.success() && said.stderr.is_empty(),
                "{}",
                String::from_utf8_lossy(&said.stderr)
            );
        }
    }
    assert_eq!(tincan(&["completions", "cmd.exe"]).status.code(), Some(2));
}

#[test]
fn the_manual_page_is_set_without_a_warning() {
    let page = tincan(&["man"]);
    assert!(page.status.success() && page.stdout.starts_with(b".ie"), "troff");
    let Some(set) = checked("groff", &["-man", "-Tutf8", "-ww", "-P-cbou"], &page.stdout) else { return };
    assert!(set.status.success() && set.stderr.is_empty(), "{}", String::from_utf8_lossy(&set.stderr));
    let text = String::from_utf8_lossy(&set.stdout).into_owned();
    for word in
        ["NAME", "EXAMPLES", "EXIT STATUS", "ENVIRONMENT", "FILES", "--plain", "tincan config check", "130"]
    {
        assert!(text.contains(word), "{word}");
    }
}

#[test]
fn a_configuration_is_checked_with_places_and_shown_with_origins() {
    let folder = folder("config");
    let file = folder.join("config.toml");
    let path = file.to_str().expect("the name is text");
    std::fs::write(&file, "[voice]\ndelay = \"low\"\nframe = 7\n[ui]\ncolour = true\n")
        .expect("there is room");
    let said = tincan(&["config", "check", "--config", path]);
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert_eq!(said.status.code(), Some(2), "{text}");
    assert_eq!(
        text,
        format!(
            "{path}:3:9: frame: 7 is not 5, 10 or 20\n{path}:5:1: there is no key ui.colour; did you mean color?\n"
        )
    );
    std::fs::write(&file, "[voice]\ndelay = \"low\"\n").expect("there is room");
    assert_eq!(tincan(&["config", "check", "--config", path]).status.code(), Some(0));
    let shown = tincan(&["config", "show", "--config", path]);
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    let line = text.lines().find(|line| line.starts_with("voice.delay")).expect("every key is listed");
    assert!(line.contains("= \"low\"") && line.ends_with(&format!("# {path}:2")), "{line}");
    std::fs::remove_dir_all(&folder).expect("it was made");
}

#[test]
fn a_configuration_that_is_not_there_is_named_with_what_to_do() {
    let gone = "no/such/config.toml";
    for act in [&["config", "check"][..], &["config", "show"], &["doctor"], &["--demo"], &[]] {
        let said = tincan(&[act, &["--config", gone]].concat());
        assert_eq!(said.status.code(), Some(2), "{act:?}");
        let wanted = format!(
            "tincan: there is no configuration file {gone}: name another with --config, or make this one; \
             an empty file will do\n"
        );
        assert_eq!((String::from_utf8_lossy(&said.stderr), said.stdout.len()), (wanted.into(), 0), "{act:?}");
    }
}

#[test]
fn what_is_asked_of_a_running_tincan_needs_no_configuration() {
    let folder = folder("wrong");
    let file = folder.join("config.toml");
    std::fs::write(&file, "nmae = 1\n[notify]\nring = \"maybe\"\n").expect("there is room");
    let path = file.to_str().expect("the name is text");
    for act in [&["mute", "on"][..], &["hangup"], &["ptt", "up"], &["status"]] {
        let said = tincan(&[act, &["--config", path, "--profile", "/nonexistent/profile"]].concat());
        let text = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(text.starts_with("tincan: no tincan runs with the profile"), "{act:?}: {text}");
        assert_eq!(said.status.code(), Some(1), "{act:?}");
    }
    // What needs it tells every mistake as the check does.
    let checked = tincan(&["config", "check", "--config", path]).stdout;
    let said = tincan(&["--config", path]);
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    let (head, mistakes) = text.split_once('\n').expect("a line that says what they are");
    assert!(head.starts_with("tincan: ") && head.contains("tincan config check"), "{head}");
    assert_eq!((mistakes.as_bytes(), said.status.code()), (checked.as_slice(), Some(2)));
    assert!(mistakes.contains(":3:8: ring") && mistakes.lines().count() == 2, "{mistakes}");
    std::fs::remove_dir_all(&folder).expect("it was made");
}
