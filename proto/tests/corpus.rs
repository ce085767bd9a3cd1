//! Replays the committed fuzz corpora: every input that ever taught the fuzzer something, on every test run.

#![expect(clippy::disallowed_methods, reason = "this test reads the corpora")]

use std::path::Path;

use data_encoding::HEXLOWER;

#[path = "../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "a library of its own when the fuzzer builds it")]
mod targets;

#[test]
fn no_input_of_the_corpora_harms() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for (name, target) in targets::TARGETS {
        let mut inputs = 0;
        for entry in std::fs::read_dir(corpora.join(name)).unwrap() {
            target(&std::fs::read(entry.unwrap().path()).unwrap());
            inputs += 1;
        }
        assert!(inputs > 0, "the corpus of {name} is empty");
    }
}

/// The examples of PROTOCOL.md are good seeds: each is fed whole and with every single byte changed.
#[test]
fn no_change_of_one_byte_harms() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../PROTOCOL.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut blocks = 0;
    for block in text.split("```hex ").skip(1) {
        let (_, hex) = block.split_once('\n').unwrap();
        let hex: String = hex.chars().take_while(|c| *c != '`').filter(|c| !c.is_whitespace()).collect();
        let bytes = HEXLOWER.decode(hex.as_bytes()).unwrap();
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff, bytes[at] ^ 1, bytes[at] ^ 0x20] {
                let mut changed = bytes.clone();
                changed[at] = value;
                targets::TARGETS.iter().for_each(|(_, target)| target(&changed));
                // A frame's code and payload without the magic and size, as the record targets take them.
                let record = [changed.get(4..6), changed.get(16..)].into_iter().flatten().flatten();
                let record: Vec<u8> = record.copied().collect();
                targets::request(&record);
                targets::reply(&record);
            }
        }
        blocks += 1;
    }
    assert!(blocks > 10);
}
