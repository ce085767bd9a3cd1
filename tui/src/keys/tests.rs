//! Every sequence, in every split, and noise.

use proptest::prelude::*;

use super::*;

fn decode(pieces: &[&[u8]]) -> Vec<Input> {
    let mut decoder = Decoder::new();
    let mut events = Vec::new();
    for piece in pieces {
        decoder.handle(piece, Time::ZERO);
        events.extend(core::iter::from_fn(|| decoder.poll()));
    }
    let later = Time::ZERO + SEQUENCE_STALL;
    decoder.handle(&[], later);
    events.extend(core::iter::from_fn(|| decoder.poll()));
    events
}

fn with(code: Code, mods: Mods) -> Input {
    Input::Key(Key { mods, ..Key::press(code) })
}

/// A key of another layout, of which the terminal says where it is.
fn based(c: char, base: char, mods: Mods) -> Input {
    Input::Key(Key { mods, base: Some(base), ..Key::char(c) })
}

fn plain(code: Code) -> Input {
    with(code, Mods::NONE)
}

fn typed(text: &str) -> Vec<Input> {
    text.chars().map(|c| plain(Code::Char(c))).collect()
}

/// What a terminal may send, and what it must become.
fn table() -> Vec<(&'static [u8], Vec<Input>)> {
    let release = |code| Input::Key(Key { kind: Kind::Release, ..Key::press(code) });
    let repeat = |code| Input::Key(Key { kind: Kind::Repeat, ..Key::press(code) });
    let shift_alt = Mods { shift: true, alt: true, ctrl: false };
    vec![
        (b"a", typed("a")),
        ("é".as_bytes(), typed("é")),
        ("李".as_bytes(), typed("李")),
        ("👩‍👩‍👧".as_bytes(), typed("👩‍👩‍👧")),
        (b"\r", vec![plain(Code::Enter)]),
        (b"\n", vec![plain(Code::Enter)]),
        (b"\t", vec![plain(Code::Tab)]),
        (b"\x7f", vec![plain(Code::Backspace)]),
        (b"\x08", vec![plain(Code::Backspace)]),
        (b"\x14", vec![with(Code::Char('t'), Mods::CTRL)]),
        (b"\x00", vec![with(Code::Char(' '), Mods::CTRL)]),
        (b"\x1c", vec![with(Code::Char('\\'), Mods::CTRL)]),
        (b"\x1b", vec![plain(Code::Esc)]),
        (b"\x1b\x1b", vec![plain(Code::Esc), plain(Code::Esc)]),
        (b"\x1b\x1b[A", vec![plain(Code::Esc), plain(Code::Up)]),
        (b"\x1ba", vec![with(Code::Char('a'), Mods::ALT)]),
        (b"\x1b\r", vec![with(Code::Enter, Mods::ALT)]),
        ("\u{1b}é".as_bytes(), vec![with(Code::Char('é'), Mods::ALT)]),
        (b"\x1b[", vec![with(Code::Char('['), Mods::ALT)]),
        (b"\x1bO", vec![with(Code::Char('O'), Mods::ALT)]),
        (b"\x1b]", vec![with(Code::Char(']'), Mods::ALT)]),
        (b"\x1b[A", vec![plain(Code::Up)]),
        (b"\x1bOA", vec![plain(Code::Up)]),
        (b"\x1b[1;5C", vec![with(Code::Right, Mods::CTRL)]),
        (b"\x1b[1;4D", vec![with(Code::Left, shift_alt)]),
        (b"\x1b[H", vec![plain(Code::Home)]),
        (b"\x1b[1~", vec![plain(Code::Home)]),
        (b"\x1b[4~", vec![plain(Code::End)]),
        (b"\x1b[3~", vec![plain(Code::Delete)]),
        (b"\x1b[5~", vec![plain(Code::PageUp)]),
        (b"\x1b[6;2~", vec![with(Code::PageDown, Mods::SHIFT)]),
        (b"\x1b[Z", vec![with(Code::Tab, Mods::SHIFT)]),
        (b"\x1bOP", vec![plain(Code::F(1))]),
        (b"\x1b[[A", vec![plain(Code::F(1))]),
        (b"\x1b[11~", vec![plain(Code::F(1))]),
        (b"\x1b[15~", vec![plain(Code::F(5))]),
        (b"\x1b[17~", vec![plain(Code::F(6))]),
        (b"\x1b[24~", vec![plain(Code::F(12))]),
        (b"\x1bOM", vec![plain(Code::Enter)]),
        (b"\x1bOp", typed("0")),
        // The kitty keyboard protocol.
        (b"\x1b[27u", vec![plain(Code::Esc)]),
        (b"\x1b[32;1:3u", vec![release(Code::Char(' '))]),
        (b"\x1b[32;1:2u", vec![repeat(Code::Char(' '))]),
        (b"\x1b[97;5u", vec![with(Code::Char('a'), Mods::CTRL)]),
        (b"\x1b[97;2u", typed("A")),
        (b"\x1b[97:65;2u", typed("A")),
        (b"\x1b[13;3u", vec![with(Code::Enter, Mods::ALT)]),
        (b"\x1b[57414u", vec![plain(Code::Enter)]),
        (b"\x1b[1;1:3A", vec![release(Code::Up)]),
        (b"\x1b[57441;2u", vec![]),
        // With Super held a key is the window system's; that it came up is ours.
        (b"\x1b[97;9u", vec![]),
        (b"\x1b[32;9:3u", vec![release(Code::Char(' '))]),
        (b"\x1b[1089::99u", vec![based('с', 'c', Mods::NONE)]),
        (b"\x1b[1089:1057:99;2u", vec![based('С', 'c', Mods::NONE)]),
        (b"\x1b[1077::116;5u", vec![based('е', 't', Mods::CTRL)]),
        (b"\x1b[116;5u", vec![with(Code::Char('t'), Mods::CTRL)]),
        // The same where every key is asked for as a sequence with its text, as kitty 0.26 sends it: Enter, Backspace,
        // Shift and the key it is held with, Num Lock and the keypad, Ctrl, Caps Lock, AltGr as a level or as two keys, an
        // input method.
        (b"\x1b[13u\x1b[13;1:3u", vec![plain(Code::Enter), release(Code::Enter)]),
        (b"\x1b[127;129u\x1b[127;129:3u", vec![plain(Code::Backspace), release(Code::Backspace)]),
        (b"\x1b[57441u\x1b[97:65;2;65u\x1b[57441;2:3u\x1b[97;1:3u", {
            vec![plain(Code::Char('A')), Input::Key(Key { kind: Kind::Release, ..Key::char('a') })]
        }),
        (b"\x1b[32;;32u", typed(" ")),
        (b"\x1b[32;1:2;32u", vec![repeat(Code::Char(' '))]),
        (b"\x1b[57360u\x1b[57400;129;49u\x1b[57360;129:3u", typed("1")),
        (b"\x1b[112;5u\x1b[57442;5:3u", vec![with(Code::Char('p'), Mods::CTRL)]),
        // foot 1.13 says that a press is one.
        (b"\x1b[57441;129:1u\x1b[97:65;130:1;65u\x1b[57441;130:3u", typed("A")),
        (b"\x1b[13;129:1u\x1b[15;129:1~", vec![plain(Code::Enter), plain(Code::F(5))]),
        (b"\x1b[97;65;65u", typed("A")),
        (b"\x1b[113;;64u", typed("@")),
        (b"\x1b[113;7;64u", typed("@")),
        (b"\x1b[1089::99;;1089u", vec![based('с', 'c', Mods::NONE)]),
        (b"\x1b[1089:1057:99;2;1057u", vec![based('С', 'c', Mods::NONE)]),
        (b"\x1b[0;;26085:26412:35486u", typed("日本語")),
        (b"\x1b[0;;228u", typed("ä")),
        (b"\x1b[97;;1:27:155u", typed("a")),
        // xterm's older form of the same, which tmux passes on, too.
        (b"\x1b[27;5;116~", vec![with(Code::Char('t'), Mods::CTRL)]),
        (b"\x1b[27;3;13~", vec![with(Code::Enter, Mods::ALT)]),
        (b"\x1b[27;2;9~", vec![with(Code::Tab, Mods::SHIFT)]),
        (b"\x1b[27;2;65~", typed("A")),
        // Window focus.
        (b"\x1b[I", vec![Input::Focus(true)]),
        (b"\x1b[O", vec![Input::Focus(false)]),
        // Which parts of the kitty keyboard protocol there are.
        (b"\x1b[?7u", vec![Input::TellsReleases]),
        (b"\x1b[?1u", vec![]),
        (b"\x1b[?u", vec![]),
        // A paste that would like to be keys.
        (b"\x1b[200~one\rtwo\r\n\x1b[Ax\x1b[201~", vec![Input::Paste("one\ntwo\n[Ax".into())]),
        (b"\x1b[200~\x1b\x1b[201~", vec![Input::Paste(String::new())]),
        (b"\x1b[200~\x1b[201\x1b[201~", vec![Input::Paste("[201".into())]),
        // Replies nobody asked for, or that come late: DECRPM, OSC 11, DA1, DA2, XTVERSION, kitty flags, a cursor
        // position, a window size, mouse reports in two dialects, an APC.
        (b"\x1b[?2026;2$y", vec![]),
        (b"\x1b]11;rgb:1e1e/1e1e/1e1e\x1b\\", vec![]),
        (b"\x1b]11;rgb:1e1e/1e1e/1e1e\x07", vec![]),
        (b"\x1b[?62;22c", vec![]),
        (b"\x1b[>41;354;0c", vec![]),
        (b"\x1bP>|XTerm(390)\x1b\\", vec![]),
        (b"\x1b[?1u", vec![]),
        (b"\x1b[12;40R", vec![]),
        (b"\x1b[8;24;80t", vec![]),
        (b"\x1b[<0;10;10M", vec![]),
        (b"\x1b[M !!", vec![]),
        (b"\x1b_Gi=31;OK\x1b\\", vec![]),
        // Broken text types nothing.
        (b"\xff\xc0\x80", vec![]),
        (b"\xe6\x9d", vec![]),
    ]
}

#[test]
fn every_sequence_in_every_split_gives_its_events() {
    for (bytes, expected) in table() {
        assert_eq!(decode(&[bytes]), expected, "{:?}", String::from_utf8_lossy(bytes));
        for cut in 1..bytes.len() {
            let (head, tail) = bytes.split_at(cut);
            assert_eq!(decode(&[head, tail]), expected, "{:?} cut at {cut}", String::from_utf8_lossy(bytes));
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(decode(&single), expected, "{:?} byte by byte", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn a_reply_never_swallows_the_keys_after_it() {
    for (bytes, mut expected) in table() {
        if decode(&[bytes]).is_empty() && bytes[0] == 0x1b {
            expected.extend(typed("hi"));
            assert_eq!(decode(&[bytes, b"hi"]), expected, "{:?}", String::from_utf8_lossy(bytes));
        }
    }
}

#[test]
fn a_lone_escape_is_a_key_only_after_its_wait() {
    let mut decoder = Decoder::new();
    decoder.handle(b"\x1b", Time::ms(1000));
    assert_eq!(decoder.poll(), None);
    let due = decoder.deadline().expect("an escape is pending");
    assert_eq!(due, Time::ms(1000) + ESCAPE_WAIT);
    decoder.handle(&[], Time::ms(1049));
    assert_eq!(decoder.poll(), None);
    decoder.handle(&[], due);
    assert_eq!(decoder.poll(), Some(plain(Code::Esc)));
    assert_eq!(decoder.deadline(), None);
    decoder.handle(b"[A", due);
    assert_eq!(decoder.poll(), Some(plain(Code::Char('['))));
}

#[test]
fn an_unfinished_string_frees_the_keyboard() {
    for begun in [&b"\x1b]11;rgb:1e"[..], b"\x1bP>|XT", b"\x1b[?2026;2", b"\x1b[M ", b"\x1b]0;x\x1b"] {
        let mut decoder = Decoder::new();
        decoder.handle(begun, Time::ZERO);
        let due = decoder.deadline().expect("a sequence is pending");
        assert!(due <= Time::ZERO + SEQUENCE_STALL);
        decoder.handle(&[], due);
        decoder.handle(b"a", due);
        assert_eq!(decoder.poll(), Some(plain(Code::Char('a'))));
    }
}

#[test]
fn an_endless_string_ends() {
    for start in [&b"\x1b]"[..], b"\x1b["] {
        let mut decoder = Decoder::new();
        decoder.handle(start, Time::ZERO);
        decoder.handle(&[b'1'; STRING_BYTES_MAX + 1], Time::ZERO);
        assert_eq!(decoder.state, State::Ground);
        decoder.handle(b"a", Time::ZERO);
        let last = core::iter::from_fn(|| decoder.poll()).last();
        assert_eq!(last, Some(plain(Code::Char('a'))));
    }
}

#[test]
fn a_huge_paste_is_cut_and_still_ends() {
    let mut decoder = Decoder::new();
    decoder.handle(b"\x1b[200~", Time::ZERO);
    decoder.handle(&vec![b'x'; paste::PASTE_BYTES_MAX * 2], Time::ZERO);
    decoder.handle(b"\x1b[201~a", Time::ZERO);
    assert_eq!(decoder.poll(), Some(Input::Paste("x".repeat(paste::PASTE_BYTES_MAX))));
    assert_eq!(decoder.poll(), Some(plain(Code::Char('a'))));
}

/// A terminal (or a multiplexer that is killed) may never say where the paste ends: the keyboard comes back, and
/// nothing of it was keys.
#[test]
fn a_paste_that_never_ends_gives_the_keyboard_back() {
    let mut decoder = Decoder::new();
    decoder.handle(b"\x1b[200~one\rD\x1b[20", Time::ZERO);
    assert_eq!((decoder.poll(), decoder.deadline()), (None, Some(Time::ZERO + PASTE_QUIET)));
    // Every byte begins the silence anew, and a deadline that is not reached ends nothing.
    decoder.handle(b"x", Time::ms(4_000));
    decoder.handle(b"", Time::ms(8_999));
    assert_eq!(decoder.poll(), None);
    decoder.handle(b"", Time::ms(9_000));
    decoder.handle(b"a", Time::ms(9_001));
    let events: Vec<_> = core::iter::from_fn(|| decoder.poll()).collect();
    let typed = plain(Code::Char('a'));
    assert_eq!(events, [Input::Paste("one\nD[20x".into()), Input::PasteUnended, typed]);
    // Its end, should it come after all, types nothing.
    decoder.handle(b"\x1b[201~", Time::ms(9_500));
    assert_eq!((decoder.poll(), decoder.deadline()), (None, None));
}

/// Whoever goes on typing into it sees what is typed, as text: none of it is a command.
#[test]
fn what_is_typed_into_an_endless_paste_is_seen() {
    let mut decoder = Decoder::new();
    decoder.handle(b"\x1b[200~ab", Time::ZERO);
    let steps = PASTE_TIME_MAX.as_secs() / 4;
    let at = |n: u64| Time::ms(n * 4_000);
    (1..=steps).for_each(|n| decoder.handle(b"q", at(n)));
    assert_eq!(decoder.poll(), None, "until then it may be a slow network's");
    decoder.handle(b"q\xe6", at(steps + 1));
    let held = usize::try_from(steps + 1).unwrap();
    assert_eq!(decoder.poll(), Some(Input::Paste(format!("ab{}", "q".repeat(held)))));
    decoder.handle(b"\x9d\x8e\r", at(steps + 2));
    assert_eq!(decoder.poll(), Some(Input::Paste("\u{674e}\n".into())));
    decoder.handle(b"\x1b[201~", at(steps + 3));
    assert_eq!((decoder.poll(), decoder.poll()), (Some(Input::Paste(String::new())), None));
    // The next one is collected anew.
    decoder.handle(b"\x1b[200~c", at(steps + 4));
    assert_eq!(decoder.poll(), None);
}

proptest! {
    #[test]
    fn noise_never_panics_grows_or_types_a_control(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let mut decoder = Decoder::new();
        for chunk in bytes.chunks(7) {
            decoder.handle(chunk, Time::ZERO);
            prop_assert!(decoder.out.len() <= 2 * chunk.len() + SEQUENCE_BYTES_MAX / 3);
            prop_assert!(decoder.partial.len() <= SEQUENCE_BYTES_MAX);
            for event in core::iter::from_fn(|| decoder.poll()) {
                match event {
                    Input::Key(key) => {
                        if let Code::Char(c) = key.code { prop_assert!(!c.is_control()); }
                    }
                    Input::Paste(text) => prop_assert!(text.chars().all(|c| c == '\n' || !c.is_control())),
                    Input::PasteUnended | Input::Focus(_) | Input::TellsReleases => {}
                }
            }
        }
    }

    #[test]
    fn splits_never_matter(picks in proptest::collection::vec(0usize..1000, 1..12), cuts in proptest::collection::vec(1usize..9, 1..40)) {
        let table = table();
        // Sequences that are complete by themselves, so that what follows cannot join them.
        let whole: Vec<&[u8]> = table.iter().map(|(bytes, _)| *bytes)
            .filter(|bytes| !matches!(bytes, [0x1b] | [0x1b, 0x1b] | [0x1b, b'[' | b'O' | b']'] | [0xe6, 0x9d])).collect();
        let stream: Vec<u8> = picks.iter().flat_map(|pick| whole[pick % whole.len()].iter().copied()).collect();
        let mut pieces = Vec::new();
        let mut rest = &stream[..];
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break; }
            let (piece, tail) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = tail;
        }
        prop_assert_eq!(decode(&pieces), decode(&[&stream]));
    }
}
