//! The walls of the house, checked by reading the tree: which crate may depend on which, which room may import
//! which, where an outside library may be named, what may come in at all, and that the documents name real things.
//! The compiler stops most mistakes at the wrong door; these stop the rest, each with file, line and rule.

#![expect(
    clippy::disallowed_methods,
    reason = "this test reads the tree and asks cargo; the library may do neither"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

#[path = "layers/licence.rs"]
mod licence;
#[path = "layers/source.rs"]
mod source;

/// One crate and the order of its rooms. A room is a file or a folder of `src`; it may import rooms further left
/// and itself, never its neighbours of the same floor.
struct Crate {
    folder: &'static str,
    /// Direct dependencies, and what only its tests may have.
    depends: &'static str,
    tests: &'static str,
    floors: &'static [&'static [&'static str]],
    /// The rooms of other members it may name.
    guests: &'static [(&'static str, &'static [&'static str])],
}

const CRATES: &[Crate] = &[
    Crate {
        folder: "proto",
        depends: "aws-lc-rs data-encoding minicbor rand_chacha rustls sframe ssh-key \
            unicode-normalization unicode-segmentation unicode-width vodozemac zeroize",
        tests: "insta proptest serde_json",
        floors: &[
            &["limits"],
            &["time", "rng", "id", "drop"],
            &["safe", "invite"],
            &["wire"],
            &["crypto", "tls"],
            &["media"],
            &["login", "link", "contact", "call", "compare", "outbox", "inbox"],
            &["relay"],
            &["client", "hub"],
            &["plain"],
        ],
        guests: &[],
    },
    Crate {
        folder: "audio",
        depends: "cpal hound libc mio opus opusic-sys pulseaudio ringbuf socket2 sonora sonora-aec3 sonora-ns \
                  tincan-proto zeroize",
        tests: "insta proptest",
        floors: &[
            &["clock", "frame"],
            &[
                "level", "limiter", "process", "ring", "codec", "mixer", "resample", "spread", "stretch",
                "comfort", "timeline", "ogg", "earcon", "bell",
            ],
            &["capture", "tempo", "again"],
            &["jitter"],
            &["playout"],
            &["device", "tape"],
            &["agent", "check", "ringer"],
        ],
        guests: &[("proto", &["media", "wire", "id", "time", "limits", "drop", "rng", "safe"])],
    },
    Crate {
        folder: "server",
        depends: "anyhow clap clap_complete clap_mangen etcetera libc minicbor mio quinn-udp rusqlite rustls serde signal-hook socket2 tincan-proto \
            toml tracing tracing-subscriber zeroize",
        tests: "proptest serde_json",
        floors: &[
            &["clock", "stats", "config", "system", "listen", "complaint"],
            &["data", "store", "guest", "datagram"],
            &["doors", "relay", "echo"],
            &["run"],
            &["server"],
            &["args", "log"],
            &["manual"],
            &["main"],
        ],
        guests: &[],
    },
    Crate {
        folder: "tui",
        depends: "anyhow clap clap_complete clap_mangen crossterm data-encoding etcetera jiff libc mio qrcodegen ratatui rusqlite rustls serde \
            serde_json signal-hook socket2 tincan-audio tincan-proto toml toml_edit tracing tracing-subscriber \
            unicode-segmentation unicode-width zeroize",
        tests: "hound insta portable-pty proptest vt100",
        floors: &[
            &["keys", "limits", "target", "exit", "control"],
            &["app", "clock"],
            &["view", "prose", "args"],
            &[
                "manual",
                "signals",
                "terminal",
                "identity",
                "config",
                "socket",
                "parting",
                "arrival",
                "recordings",
                "hearing",
                "lines",
                "hook",
            ],
            &["known", "store", "server_link", "peers", "ringer"],
            &["visit"],
            &["session", "screen", "remote"],
            &["run", "linear", "demo", "headless", "invite", "talk", "doctor"],
            &["main"],
        ],
        guests: &[],
    },
];

/// Imports that go sideways on purpose: crate, room, the room it may import, and why.
const SIDEWAYS: &[(&str, &str, &str, &str)] = &[];

/// Outside libraries and the only places that may name them, so that each can be replaced in one file or folder.
const AT_HOME: &[(&str, &[&str])] = &[
    ("clap_complete", &["tui/src/args", "server/src/args.rs", "tui/src/manual.rs", "server/src/manual.rs"]),
    ("clap_mangen", &["tui/src/manual.rs", "server/src/manual.rs"]),
    ("cpal", &["audio/src/device"]),
    ("hound", &["audio/src/device"]),
    ("opus", &["audio/src/codec"]),
    ("opusic_sys", &["audio/src/codec/state.rs"]),
    ("pulseaudio", &["audio/src/device/pulse"]),
    ("quinn_udp", &["server/src/datagram.rs"]),
    ("ringbuf", &["audio/src/ring.rs"]),
    ("sonora", &["audio/src/process/module.rs"]),
    ("sonora_aec3", &["audio/src/process/wide.rs"]),
    ("sonora_ns", &["audio/src/process/wide.rs"]),
    ("qrcodegen", &["tui/src/view/qr"]),
    ("rusqlite", &["server/src/store", "tui/src/store"]),
    ("vodozemac", &["proto/src/crypto"]),
    ("sframe", &["proto/src/crypto"]),
    ("ssh_key", &["proto/src/crypto"]),
    ("rand_chacha", &["proto/src/rng.rs"]),
];

/// What must not be written anywhere in the house, and why. Spelled in two halves so that this file passes.
const UNSPEAKABLE: &[(&str, &str)] = &[
    (concat!("to", "do!("), "build it or leave it out"),
    (concat!("unimple", "mented!("), "build it or leave it out"),
    (concat!("#[al", "low("), "say #[expect(.., reason = \"..\")]"),
    (concat!("#![al", "low("), "say #![expect(.., reason = \"..\")]"),
    (concat!("#[ig", "nore"), "a test that does not run shows nothing"),
    (concat!("TO", "DO"), "open work belongs to the tracker"),
    (concat!("FIX", "ME"), "open work belongs to the tracker"),
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("arti", "factory"), "a registry of one machine"),
];

#[test]
fn manifests_name_only_what_was_agreed() {
    let metadata = metadata(&["--no-deps"]);
    let mut wrong = Vec::new();
    for package in metadata["packages"].as_array().expect("cargo lists the members") {
        let manifest = PathBuf::from(package["manifest_path"].as_str().expect("a member has a manifest"));
        let folder = manifest
            .parent()
            .and_then(Path::file_name)
            .and_then(|n| n.to_str())
            .expect("members are folders");
        let member = CRATES.iter().find(|c| c.folder == folder);
        let Some(member) = member else {
            wrong.push(format!("{folder}: a fifth crate needs a reason, and a place in this table"));
            continue;
        };
        for dependency in package["dependencies"].as_array().expect("cargo lists dependencies") {
            let name = dependency["name"].as_str().expect("a dependency has a name");
            let for_tests = dependency["kind"] == "dev";
            let listed = |list: &str| list.split_whitespace().any(|known| known == name);
            let agreed = listed(member.depends) || for_tests && listed(member.tests);
            if !agreed {
                wrong.push(format!(
                    "{folder}/Cargo.toml: {name} is not on the list of its direct dependencies"
                ));
            }
        }
    }
    assert_none(wrong);
}

#[test]
fn rooms_import_downward() {
    let mut wrong = Vec::new();
    for member in CRATES {
        for file in rust_files(&root().join(member.folder).join("src")) {
            let module = module_path(member.folder, &file);
            let Some(room) = module.first().filter(|_| !is_test_file(&file)) else { continue };
            let Some(floor) = floor_of(member, room) else {
                wrong
                    .push(format!("{}: the room {room} has no floor in proto/tests/layers.rs", shown(&file)));
                continue;
            };
            let code = source::code_only(&read(&file));
            for mention in source::mentions(&code, "crate", &module) {
                let Some(target) = mention.path.first() else { continue };
                let Some(target_floor) = floor_of(member, target) else { continue };
                let excused = SIDEWAYS.iter().any(|s| s.0 == member.folder && s.1 == room && s.2 == target);
                if target != room && target_floor >= floor && !excused {
                    wrong.push(format!(
                        "{}:{}: {room} (floor {floor}) may not import {target} (floor {target_floor})",
                        shown(&file),
                        mention.line
                    ));
                }
            }
        }
    }
    assert_none(wrong);
}

#[test]
fn members_see_of_each_other_what_was_agreed() {
    let mut wrong = Vec::new();
    for member in CRATES {
        for (guest, rooms) in member.guests {
            for file in rust_files(&root().join(member.folder).join("src")) {
                let code = source::code_only(&read(&file));
                for mention in source::mentions(&code, guest, &[]) {
                    let Some(target) = mention.path.first() else { continue };
                    let is_room = target.starts_with(char::is_lowercase);
                    if is_room && !rooms.contains(&target.as_str()) {
                        let (at, line) = (shown(&file), mention.line);
                        wrong.push(format!("{at}:{line}: {} may not use {guest}::{target}", member.folder));
                    }
                }
            }
        }
    }
    assert_none(wrong);
}

#[test]
fn outside_libraries_stay_at_home() {
    let mut wrong = Vec::new();
    for member in CRATES {
        for file in rust_files(&root().join(member.folder).join("src")) {
            let code = source::code_only(&read(&file));
            for (library, homes) in AT_HOME {
                if homes.iter().any(|home| shown(&file).starts_with(home)) {
                    continue;
                }
                for mention in source::mentions(&code, library, &[]) {
                    let (at, line) = (shown(&file), mention.line);
                    wrong.push(format!("{at}:{line}: {library} may be named in {homes:?} only"));
                }
            }
        }
    }
    assert_none(wrong);
}

/// The same gate as cargo-deny's, for machines without it. Only packages built on this kind of machine are known.
#[test]
fn packages_obey_deny_toml() {
    let deny = read(&root().join("deny.toml"));
    let allowed = quoted(between(&deny, "allow = [", "\n]"));
    let banned: Vec<String> = between(&deny, "deny = [", "\n]")
        .lines()
        .filter_map(|line| line.split("crate = ").nth(1))
        .flat_map(|rest| quoted(rest).into_iter().take(1))
        .collect();
    assert!(allowed.len() > 3 && banned.len() > 3, "deny.toml is not laid out as this test reads it");
    let metadata = metadata(&["--filter-platform", &host()]);
    let mut wrong = Vec::new();
    let present: BTreeSet<&str> = metadata["resolve"]["nodes"]
        .as_array()
        .expect("cargo resolved the tree")
        .iter()
        .filter_map(|node| node["id"].as_str())
        .collect();
    for package in metadata["packages"].as_array().expect("cargo lists packages") {
        if !package["id"].as_str().is_some_and(|id| present.contains(id)) {
            continue;
        }
        let name = package["name"].as_str().expect("a package has a name");
        let expression = package["license"].as_str().unwrap_or("none given");
        if banned.iter().any(|b| b == name) {
            wrong.push(format!("{name} is banned by deny.toml"));
        }
        if !licence::satisfied(expression, &allowed) {
            wrong.push(format!("{name}: the licence {expression:?} is not allowed by deny.toml"));
        }
    }
    assert_none(wrong);
}

#[test]
fn nothing_unspeakable_is_written() {
    let mut wrong = Vec::new();
    for file in text_files(&root()) {
        for (number, line) in read(&file).lines().enumerate() {
            for (word, why) in UNSPEAKABLE {
                if line.contains(word) {
                    wrong.push(format!("{}:{}: {word:?}: {why}", shown(&file), number + 1));
                }
            }
        }
    }
    assert_none(wrong);
}

#[test]
fn documents_name_real_paths() {
    let mut wrong = Vec::new();
    for document in ["README.md", "ARCHITECTURE.md", "PROTOCOL.md", "CHANGELOG.md"] {
        let Ok(text) = fs::read_to_string(root().join(document)) else { continue };
        for path in named_paths(&text) {
            if !root().join(&path).exists() {
                wrong.push(format!("{document}: there is no {path}"));
            }
        }
    }
    assert_none(wrong);
}

#[test]
fn architecture_draws_the_floors_as_they_are() {
    // Lines may be broken anywhere.
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let drawing = words(&read(&root().join("ARCHITECTURE.md")));
    let mut wrong = Vec::new();
    for member in CRATES {
        let floors: Vec<String> = member.floors.iter().map(|rooms| rooms.join(" ")).collect();
        let wanted = format!("{:<9}{}", format!("{}:", member.folder), floors.join(" < "));
        if !drawing.contains(&words(&wanted)) {
            wrong.push(format!("ARCHITECTURE.md should say: {wanted}"));
        }
    }
    assert_none(wrong);
}

#[test]
fn the_reader_of_sources_reads() {
    let code = source::code_only(
        "use crate::wire::{frame, reader::{Reader as R}}; // crate::comment\n\
         fn f() { let _ = \"crate::string\"; super::id::Name; }\n\
         #[cfg(test)] mod tests { use crate::hub; }",
    );
    let module = ["crypto".to_owned(), "mac".to_owned()];
    let seen: Vec<String> = source::mentions(&code, "crate", &module)
        .iter()
        .map(|m| format!("{}:{}", m.line, m.path.join("/")))
        .collect();
    assert_eq!(seen, ["1:wire/frame", "1:wire/reader/Reader", "2:crypto/id/Name"]);
}

#[test]
fn the_reader_of_licences_reads() {
    let allowed = ["MIT".to_owned(), "Apache-2.0 WITH LLVM-exception".to_owned()];
    assert!(licence::satisfied("GPL-3.0 OR MIT", &allowed));
    assert!(licence::satisfied("GPL-3.0/MIT", &allowed));
    assert!(licence::satisfied("MIT AND (GPL-2.0 OR Apache-2.0 WITH LLVM-exception)", &allowed));
    assert!(!licence::satisfied("MIT AND GPL-3.0", &allowed));
    assert!(!licence::satisfied("Apache-2.0", &allowed));
    assert!(!licence::satisfied("", &allowed));
}

fn assert_none(wrong: Vec<String>) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

fn floor_of(member: &Crate, room: &str) -> Option<usize> {
    member.floors.iter().position(|rooms| rooms.contains(&room))
}

/// `src/wire/frame.rs` is `wire, frame`; `src/wire/mod.rs` is `wire`; `src/lib.rs` is the house itself.
fn module_path(folder: &str, file: &Path) -> Vec<String> {
    let inside = file.strip_prefix(root().join(folder).join("src")).expect("the file was listed from there");
    let mut path: Vec<String> =
        inside.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if path.last().is_some_and(|last| last == "mod") || path == ["lib"] {
        path.pop();
    }
    path
}

fn is_test_file(file: &Path) -> bool {
    file.iter().any(|part| part == "tests.rs" || part == "testing.rs")
}

/// Words in backticks that look like a path from the top of the tree; `a/{b,c}.rs` names two.
fn named_paths(text: &str) -> Vec<String> {
    let mut paths = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        if fenced {
            continue;
        }
        for word in line.split('`').skip(1).step_by(2) {
            let top = word.split(['/', '{']).next().unwrap_or(word);
            let is_path = word.contains('/') && root().join(top).exists() && !word.contains(' ');
            if is_path || word.ends_with(".md") || word.ends_with(".toml") && root().join(word).exists() {
                paths.extend(braces(word));
            }
        }
    }
    paths
}

fn braces(word: &str) -> Vec<String> {
    let Some((before, rest)) = word.split_once('{') else { return vec![word.to_owned()] };
    let Some((choices, after)) = rest.split_once('}') else { return vec![word.to_owned()] };
    choices.split(',').map(|choice| format!("{before}{}{after}", choice.trim())).collect()
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let tail = text.split_once(start).map_or("", |(_, tail)| tail);
    tail.split_once(end).map_or(tail, |(inside, _)| inside)
}

fn quoted(text: &str) -> Vec<String> {
    text.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

fn metadata(more: &[&str]) -> Value {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--manifest-path"])
        .arg(root().join("Cargo.toml"))
        .args(more)
        .output()
        .expect("cargo runs: it started this test");
    assert!(out.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("cargo writes JSON")
}

fn host() -> String {
    let out = Command::new("rustc").arg("-vV").output().expect("rustc runs: it built this test");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    text.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host").to_owned()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("proto is a folder of the workspace").to_owned()
}

fn shown(file: &Path) -> String {
    file.strip_prefix(root()).unwrap_or(file).to_string_lossy().into_owned()
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    files(folder, &|file| file.extension().is_some_and(|e| e == "rs"))
}

/// Everything people write here, recognised by being text; what is built or recorded is left out.
fn text_files(folder: &Path) -> Vec<PathBuf> {
    files(folder, &|file| {
        let kinds = ["rs", "md", "toml", "sh", "yml", "txt", "sql", "py"];
        let by_kind = file.extension().is_some_and(|e| kinds.iter().any(|k| e == *k));
        let is_script =
            file.extension().is_none() && fs::read(file).is_ok_and(|bytes| bytes.starts_with(b"#!"));
        by_kind || is_script
    })
}

fn files(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let entry = entry.expect("the folder can be listed");
            let (path, kind) = (entry.path(), entry.file_type().expect("the entry has a kind"));
            let skip = entry.file_name() == "target" || entry.file_name() == ".git";
            if kind.is_dir() && !skip {
                folders.push(path);
            } else if kind.is_file() && wanted(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
