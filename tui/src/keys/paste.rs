//! What arrives between `CSI 200 ~` and `CSI 201 ~`.
//!
//! ESC and CR come through a terminal's bracketed paste raw, so a paste may try to look like keys. Here it becomes
//! plain text: line ends are `\n`, tabs are spaces, every other control character is gone.

/// Bytes of a paste that are kept; the rest is dropped, the end is still found. A message holds far less.
pub(super) const PASTE_BYTES_MAX: usize = 64 * 1024;

const END: &[u8] = b"\x1b[201~";

/// A paste being read.
#[derive(Debug, Default)]
pub(super) struct Paste {
    bytes: Vec<u8>,
    /// How much of [`END`] the last bytes matched.
    matched: usize,
}

impl Paste {
    /// Takes one byte; gives the text when it was the last byte of the end mark.
    pub(super) fn take(&mut self, byte: u8) -> Option<String> {
        if byte == END[self.matched] {
            self.matched += 1;
            return (self.matched == END.len()).then(|| self.finish());
        }
        // What looked like the end mark was content, except that a new ESC may begin the real one.
        let matched = core::mem::take(&mut self.matched);
        self.keep(&END[..matched]);
        if byte == END[0] {
            self.matched = 1;
        } else {
            self.keep(&[byte]);
        }
        None
    }

    /// What can be given away before the end: whole characters. What may be the beginning of the end mark stays.
    pub(super) fn so_far(&mut self) -> Option<String> {
        let cut = match core::str::from_utf8(&self.bytes) {
            Err(wrong) if wrong.error_len().is_none() => wrong.valid_up_to(),
            Ok(_) | Err(_) => self.bytes.len(),
        };
        let rest = self.bytes.split_off(cut);
        let text = text(&core::mem::replace(&mut self.bytes, rest));
        (!text.is_empty()).then_some(text)
    }

    /// What came, if anything, when there will be no end mark.
    pub(super) fn cut(&mut self) -> Option<String> {
        let text = self.finish();
        (!text.is_empty()).then_some(text)
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = PASTE_BYTES_MAX - self.bytes.len();
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn finish(&mut self) -> String {
        self.matched = 0;
        text(&core::mem::take(&mut self.bytes))
    }
}

fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    text.chars().filter_map(plain).collect()
}

fn plain(c: char) -> Option<char> {
    match c {
        '\r' | '\n' => Some('\n'),
        '\t' => Some(' '),
        c if c.is_control() || c == char::REPLACEMENT_CHARACTER => None,
        c => Some(c),
    }
}
