//! Takes apart what was gathered of seed B, which has neither lengths nor end marks: packets of programs that do not
//! pace themselves arrive merged (`810 bob` is `8` and `10 bob`), and can be told apart where a code stands that
//! could follow.
//!
//! What cannot be told apart stays one packet: `10 bob8` is a name.

/// Codes of one direction, each with the words that may follow it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Codes {
    /// Code, fewest and most words, longer codes first.
    table: &'static [(&'static str, usize, usize)],
}

/// What a server says.
pub(super) const FROM_SERVER: Codes = Codes {
    table: &[("10", 1, 1), ("13", 3, 3), ("0", 0, 0), ("2", 0, 0), ("3", 0, 0), ("8", 0, 1), ("9", 0, 1)],
};
/// What clients say to each other.
pub(super) const BETWEEN: Codes =
    Codes { table: &[("14", 1, 1), ("15", 0, 0), ("0", 0, 0), ("4", 1, 1), ("5", 0, 0), ("6", 0, 0)] };

/// The packets in `gathered`, in order. A NUL ends one, and so does the end of a line, which a person with a
/// terminal may have typed.
pub(super) fn cut(gathered: &[u8], codes: Codes) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    for line in gathered.split(|byte| is_end(*byte)).filter(|line| !line.is_empty()) {
        let mut rest = line;
        while let Some(at) = codes.seam(rest) {
            let (packet, next) = rest.split_at(at);
            codes.push(packet, &mut packets);
            rest = next;
        }
        codes.push(rest, &mut packets);
    }
    packets
}

/// How many of the first bytes of `gathered` are whole packets whatever comes next: those before the end of a line, and
/// those before a code that a space follows. A stream of voice does not pause, and is not waited for.
pub(super) fn whole(gathered: &[u8], codes: Codes) -> usize {
    let mut at = gathered.iter().rposition(|byte| is_end(*byte)).map_or(0, |end| end + 1);
    while gathered[at..].contains(&b' ')
        && let Some(seam) = codes.seam(&gathered[at..])
    {
        at += seam;
    }
    at
}

fn is_end(byte: u8) -> bool {
    matches!(byte, 0 | b'\r' | b'\n')
}

impl Codes {
    fn find(&self, digits: &[u8]) -> Option<&'static (&'static str, usize, usize)> {
        // The document pads codes to three digits, the programs do not.
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        let bare = &digits[zeros.min(digits.len().saturating_sub(1))..];
        self.table.iter().find(|row| row.0.as_bytes() == bare)
    }

    /// Where the second packet begins; none when there is one only. Never 0, and never the end.
    fn seam(&self, line: &[u8]) -> Option<usize> {
        let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        let first = words.first()?;
        let Some((_, _, most)) = self.find(first) else { return self.merged_codes(first) };
        // One more word than the code takes: the next packet begins in the last of its own.
        let last = words.get(*most).filter(|_| words.len() > most + 1)?;
        let padded = first.len() == PADDED_DIGITS && first.starts_with(b"0");
        let with_words = self.table.iter().filter(|row| row.2 > 0);
        let code = with_words.filter_map(|row| code_behind(last, row.0, padded)).next()?;
        let end: usize = words[..=*most].iter().map(|word| word.len() + 1).sum::<usize>() - 1;
        Some(end - code)
    }

    /// Adds a packet, and what follows one of sound without a space: base64 has whole groups of four characters.
    fn push(&self, packet: &[u8], packets: &mut Vec<Vec<u8>>) {
        let mut words = packet.split(|byte| *byte == b' ');
        let (code, data) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let bare = self.table.iter().filter(|row| row.1 == 0);
        let behind = bare.flat_map(|row| [code_behind(data, row.0, false), code_behind(data, row.0, true)]);
        let whole = |code: &usize| (data.len() - code).is_multiple_of(BASE64_GROUP);
        let is_sound = self.find(code).is_some_and(|row| row.0 == SOUND) && words.next().is_none();
        let behind = behind.flatten().find(whole).filter(|_| is_sound);
        let (packet, next) = packet.split_at(packet.len() - behind.unwrap_or(0));
        packets.push(packet.to_vec());
        if !next.is_empty() {
            packets.push(next.to_vec());
        }
    }

    /// Codes without words, and then perhaps one with words, written without a space: the length of the first.
    fn merged_codes(&self, digits: &[u8]) -> Option<usize> {
        let bare = |row: &&(&str, usize, usize)| row.1 == 0 && digits.starts_with(row.0.as_bytes());
        let starts = self.table.iter().filter(bare).map(|row| row.0.len());
        let goes_on = |length: &usize| {
            let rest = &digits[*length..];
            !rest.is_empty() && (self.find(rest).is_some() || self.merged_codes(rest).is_some())
        };
        let mut starts = starts.filter(|_| digits.len() <= MERGED_DIGITS_MAX);
        starts.find(goes_on)
    }
}

/// How many last characters of `word` are the code, if there is something before it. Whoever pads one code is taken to
/// pad them all.
fn code_behind(word: &[u8], code: &str, padded: bool) -> Option<usize> {
    let bare = word.strip_suffix(code.as_bytes())?;
    let zeros = &b"00"[..(PADDED_DIGITS - code.len()).min(2)];
    let padded_code = if padded { bare.strip_suffix(zeros) } else { None };
    let before = padded_code.filter(|before| !before.is_empty()).unwrap_or(bare);
    (!before.is_empty()).then(|| word.len() - before.len())
}

/// Digits of a code as the document has it.
const PADDED_DIGITS: usize = 3;
/// The code of sound.
const SOUND: &str = "14";
/// Characters of base64 that belong together.
const BASE64_GROUP: usize = 4;
/// Digits of merged codes that are looked at: each may be cut in two ways.
const MERGED_DIGITS_MAX: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cuts(gathered: &str, codes: Codes) -> Vec<String> {
        let text = |packet: Vec<u8>| String::from_utf8(packet).unwrap();
        cut(gathered.as_bytes(), codes).into_iter().map(text).collect()
    }

    #[test]
    fn merged_packets_of_a_server_are_told_apart() {
        for (gathered, packets) in [
            ("2", &["2"][..]),
            ("010 bob", &["010 bob"]),
            ("810 bob", &["8", "10 bob"]),
            ("8 bob10 carol", &["8 bob", "10 carol"]),
            ("10 bob10 carol10 dan", &["10 bob", "10 carol", "10 dan"]),
            ("213 127.0.0.1 4001 bob", &["2", "13 127.0.0.1 4001 bob"]),
            ("13 127.0.0.1 4001 bob13 ::1 4002 carol", &["13 127.0.0.1 4001 bob", "13 ::1 4002 carol"]),
            ("13 127.0.0.1 4001 bob8 carol", &["13 127.0.0.1 4001 bob", "8 carol"]),
            ("888", &["8", "8", "8"]),
            ("88 bob9", &["8", "8 bob9"]),
            ("0210 bob", &["0", "2", "10 bob"]),
            ("2\r\n10 bob\n", &["2", "10 bob"]),
            ("10 bob\0junk", &["10 bob", "junk"]),
            ("10 bob smith", &["10 bob smith"]),
            ("10 10 bob", &["10 10 bob"]),
            ("777", &["777"]),
            ("", &[]),
        ] {
            assert_eq!(cuts(gathered, FROM_SERVER), packets, "{gathered:?}");
        }
    }

    #[test]
    fn and_those_of_another_client() {
        for (gathered, packets) in [
            ("05", &["05"][..]),
            ("156", &["15", "6"]),
            ("15", &["15"]),
            ("55", &["5", "5"]),
            ("04 bob", &["04 bob"]),
            ("1514 8P/+", &["15", "14 8P/+"]),
            ("14 8P/+14 8P/+", &["14 8P/+", "14 8P/+"]),
            ("14 8P/014 8P/+", &["14 8P/0", "14 8P/+"]),
            ("014 8P/0014 8P/+", &["014 8P/0", "014 8P/+"]),
            ("14 8P/66", &["14 8P/6", "6"]),
            ("14 8P/+006", &["14 8P/+", "006"]),
            ("14 8P/+1514 8P/6", &["14 8P/+", "15", "14 8P/6"]),
            ("14 8P/+ 6", &["14 8P/+ 6"]),
            ("4 bob6", &["4 bob6"]),
        ] {
            assert_eq!(cuts(gathered, BETWEEN), packets, "{gathered:?}");
        }
    }

    #[test]
    fn of_a_stream_that_does_not_pause_all_but_the_last_packet_is_whole() {
        for (gathered, whole_bytes) in [
            ("", 0),
            ("14 8P/+", 0),
            ("14 8P/+1", 0),
            ("14 8P/+14", 0),
            ("14 8P/+14 ", 7),
            ("014 8P/0014 8P", 8),
            ("1514 8P/+14 8", 9),
            ("14 8P/+6", 0),
            ("556", 0),
            ("5\n", 2),
            ("14 8P/+\n14 8P/+14 8P", 15),
        ] {
            assert_eq!(whole(gathered.as_bytes(), BETWEEN), whole_bytes, "{gathered:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_panics(junk in "[0-9 a-z\u{0}\n]{0,200}") {
            for codes in [FROM_SERVER, BETWEEN] {
                let whole: String = junk.split(['\u{0}', '\n']).collect();
                prop_assert_eq!(cuts(&junk, codes).concat(), whole);
                prop_assert!(super::whole(junk.as_bytes(), codes) <= junk.len());
            }
        }

        #[test]
        fn digits_do_not_explode(junk in "[0-9]{0,4000}") {
            let _ = cut(junk.as_bytes(), FROM_SERVER).len() + cut(junk.as_bytes(), BETWEEN).len();
        }
    }
}
