//! Control strings beside the picture: the window's title, the clipboard, notifications. Pure: words in, bytes out.
//!
//! Inside tmux and screen a string for the terminal outside is wrapped in one of theirs. Text of others comes as
//! [`Safe`]; what would end a string is taken out here once more, because this is the last door.

use data_encoding::BASE64;
use proto::Safe;

use crate::app::emulator::{Between, Osc};
use crate::app::notify::Alert;

/// Characters of a notification.
const ALERT_CHARS_MAX: usize = 200;

/// GNU screen drops a string that is longer than its buffer (256 bytes in old versions), so it gets several.
const SCREEN_PIECE: usize = 240;

/// The bytes that name the terminal's window (OSC 2). Control characters cannot get through.
pub(super) fn title(text: &str) -> Vec<u8> {
    format!("\x1b]2;{}\x07", harmless(text)).into_bytes()
}

/// The bytes that put a text into the terminal's clipboard (OSC 52). It is never read.
///
/// tmux takes the string itself where its `set-clipboard` is `on`, and hands a wrapped one on where its
/// `allow-passthrough` is: it gets both, and the same text twice does no harm.
pub(super) fn copy(text: &Safe, between: Between) -> Vec<u8> {
    let string = format!("\x1b]52;c;{}\x07", BASE64.encode(text.as_str().as_bytes())).into_bytes();
    match between {
        Between::Nothing | Between::Screen => wrap(&string, between),
        Between::Tmux => [string.clone(), wrap(&string, between)].concat(),
    }
}

/// The bytes that show a notification. All are ended by BEL: ESC would end the wrapping of screen.
pub(super) fn alert(alert: &Alert, osc: Osc, between: Between) -> Vec<u8> {
    let words: String = harmless(&alert.words().replace('\n', " ")).chars().take(ALERT_CHARS_MAX).collect();
    let string = match osc {
        // With the name in front no text can be one of the commands that others have given this number.
        Osc::Nine => format!("\x1b]9;tincan: {words}\x07"),
        Osc::NinetyNine => format!("\x1b]99;i=tincan:d=0;tincan\x07\x1b]99;i=tincan:d=1:p=body;{words}\x07"),
        Osc::SevenSevenSeven => format!("\x1b]777;notify;tincan;{}\x07", words.replace(';', ",")),
    };
    wrap(string.as_bytes(), between)
}

/// Wraps a string so that the terminal outside gets it.
fn wrap(string: &[u8], between: Between) -> Vec<u8> {
    match between {
        Between::Nothing => string.to_vec(),
        Between::Tmux => {
            let mut out = b"\x1bPtmux;".to_vec();
            for &byte in string {
                // Inside, every ESC is doubled.
                out.extend((byte == 0x1b).then_some(0x1b));
                out.push(byte);
            }
            out.extend(b"\x1b\\");
            out
        }
        Between::Screen => string
            .chunks(SCREEN_PIECE)
            .flat_map(|piece| [b"\x1bP".as_slice(), piece, b"\x1b\\"].concat())
            .collect(),
    }
}

/// Without control characters, of which some end a string.
fn harmless(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::notify::What;
    use proptest::prelude::*;

    #[test]
    fn the_title_cannot_end_itself() {
        assert_eq!(title("a\x07b\x1b]c\u{9c}"), b"\x1b]2;ab]c\x07");
    }

    #[test]
    fn a_text_goes_into_the_clipboard_of_the_terminal_outside() {
        let text = Safe::line("hi");
        assert_eq!(copy(&text, Between::Nothing), b"\x1b]52;c;aGk=\x07");
        assert_eq!(copy(&text, Between::Screen), b"\x1bP\x1b]52;c;aGk=\x07\x1b\\");
        let both = b"\x1b]52;c;aGk=\x07\x1bPtmux;\x1b\x1b]52;c;aGk=\x07\x1b\\";
        assert_eq!(copy(&text, Between::Tmux), both);
    }

    /// What a multiplexer hands on is the string itself, whatever its length.
    #[test]
    fn pieces_for_screen_make_the_whole() {
        let text = Safe::text(&"x".repeat(5000), 5000);
        let wrapped = String::from_utf8(copy(&text, Between::Screen)).unwrap();
        let pieces: Vec<&str> = wrapped.split_terminator("\x1b\\").collect();
        assert!(pieces.len() > 20 && pieces.iter().all(|piece| piece.len() <= SCREEN_PIECE + 2));
        let handed_on: String = pieces.iter().map(|piece| piece.strip_prefix("\x1bP").unwrap()).collect();
        assert_eq!(handed_on.as_bytes(), copy(&text, Between::Nothing));
    }

    fn said(text: &str) -> Alert {
        Alert { what: What::Message, who: Safe::line("bob"), preview: Some(Safe::text(text, 4096)) }
    }

    #[test]
    fn a_notification_is_what_each_terminal_understands() {
        let shown = |osc| alert(&said("4;1;\nhi"), osc, Between::Nothing);
        assert_eq!(shown(Osc::Nine), b"\x1b]9;tincan: bob: 4;1; hi\x07");
        assert_eq!(shown(Osc::SevenSevenSeven), b"\x1b]777;notify;tincan;bob: 4,1, hi\x07");
        let kitty = b"\x1b]99;i=tincan:d=0;tincan\x07\x1b]99;i=tincan:d=1:p=body;bob: 4;1; hi\x07";
        assert_eq!(shown(Osc::NinetyNine), kitty);
        let wrapped = alert(&said("hi"), Osc::Nine, Between::Tmux);
        assert_eq!(wrapped, b"\x1bPtmux;\x1b\x1b]9;tincan: bob: hi\x07\x1b\\");
        assert!(alert(&said(&"x".repeat(3000)), Osc::Nine, Between::Nothing).len() < 230);
    }

    proptest! {
        #[test]
        fn no_notification_ends_itself(text in any::<String>()) {
            for (osc, strings) in [(Osc::Nine, 1), (Osc::NinetyNine, 2), (Osc::SevenSevenSeven, 1)] {
                let out = alert(&said(&text), osc, Between::Nothing);
                prop_assert_eq!(out.iter().filter(|byte| **byte == 0x07).count(), strings);
                prop_assert_eq!(out.iter().filter(|byte| **byte == 0x1b).count(), strings);
            }
        }

        #[test]
        fn no_text_ends_its_string(text in any::<String>()) {
            for between in [Between::Nothing, Between::Screen, Between::Tmux] {
                let out = copy(&Safe::text(&text, 4096), between);
                let strings = if between == Between::Tmux { 2 } else { 1 };
                prop_assert_eq!(out.iter().filter(|byte| **byte == 0x07).count(), strings);
            }
            let named = title(&text);
            prop_assert_eq!(named.iter().filter(|byte| matches!(byte, 0x07 | 0x1b)).count(), 2);
        }
    }
}
