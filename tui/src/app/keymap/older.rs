//! A terminal with the kitty keyboard protocol tells apart what older ones send alike: `^[` from Esc, `^M` and Shift-Enter
//! from Enter. Fingers do not care where they are: what has no meaning of its own means what it does everywhere else.

use crate::keys::{Code, Key, Mods};

/// The key for which an older terminal would have sent the same; none where that is this key itself.
pub(super) fn alike(key: Key) -> Option<Key> {
    let code = match key.code {
        Code::Char(c) if key.mods.ctrl => match key.base.unwrap_or(c) {
            '[' => Code::Esc,
            'i' => Code::Tab,
            'j' | 'm' => Code::Enter,
            'h' | '?' => Code::Backspace,
            _ => return None,
        },
        // What tells more than the key itself there does so everywhere: Shift-Tab, arrows, function keys.
        Code::Enter | Code::Backspace | Code::Esc if key.mods.shift || key.mods.ctrl => key.code,
        Code::Tab if key.mods.ctrl => key.code,
        Code::Char(_)
        | Code::Enter
        | Code::Tab
        | Code::Backspace
        | Code::Esc
        | Code::Up
        | Code::Down
        | Code::Left
        | Code::Right
        | Code::Home
        | Code::End
        | Code::PageUp
        | Code::PageDown
        | Code::Insert
        | Code::Delete
        | Code::F(_) => return None,
    };
    let shift = key.mods.shift && code == Code::Tab;
    Some(Key { code, mods: Mods { shift, ctrl: false, ..key.mods }, base: None, ..key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_older_terminals_send_alike_is_alike() {
        let held = |code, shift, ctrl| Key { mods: Mods { shift, ctrl, alt: false }, ..Key::press(code) };
        for (c, code) in [
            ('[', Code::Esc),
            ('i', Code::Tab),
            ('j', Code::Enter),
            ('m', Code::Enter),
            ('h', Code::Backspace),
        ] {
            assert_eq!(alike(Key::ctrl(c)), Some(Key::press(code)), "{c}");
        }
        // The key of `m` in the Russian layout.
        assert_eq!(alike(Key { base: Some('m'), ..Key::ctrl('ь') }), Some(Key::press(Code::Enter)));
        for code in [Code::Enter, Code::Backspace, Code::Esc] {
            assert_eq!(alike(held(code, true, false)), Some(Key::press(code)));
            assert_eq!(alike(held(code, true, true)), Some(Key::press(code)));
            assert_eq!(alike(Key::press(code)), None);
        }
        let alt = Key { mods: Mods { shift: true, alt: true, ctrl: false }, ..Key::press(Code::Enter) };
        assert_eq!(alike(alt), Some(Key::alt(Code::Enter)));
        for key in [Key::char('m'), Key::ctrl('t'), held(Code::Tab, true, false), held(Code::Up, true, true)]
        {
            assert_eq!(alike(key), None, "{key:?}");
        }
    }
}
