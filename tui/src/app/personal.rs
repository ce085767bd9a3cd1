//! What we keep about somebody for ourselves alone: a name of our own for them, and whether they come first. It is kept
//! under who they are, not under what they are called, and nobody else is told.

use proto::Safe;

/// Columns that a name of our own may have.
pub const ALIAS_COLUMNS_MAX: usize = 24;
/// Bytes of what is typed as such a name.
pub const ALIAS_BYTES_MAX: usize = 96;

/// What we keep about one principal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Personal {
    /// Our own name for them; none is theirs.
    pub alias: Option<Safe>,
    /// They come first in the list.
    pub favourite: bool,
}

impl Personal {
    /// Whether there is nothing to remember.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A name of our own as typed; none when nothing of it can be seen.
///
/// # Errors
/// A sentence when it is too long.
pub fn alias(typed: &str) -> Result<Option<Safe>, String> {
    use unicode_width::UnicodeWidthStr as _;
    let safe = Safe::line(typed.trim());
    if safe.as_str().width() > ALIAS_COLUMNS_MAX {
        return Err(format!("That is too long: at most {ALIAS_COLUMNS_MAX} columns."));
    }
    Ok(Some(safe).filter(|safe| safe.as_str().width() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_one_visible_short_line() {
        assert_eq!(alias("  Bobby  ").unwrap().unwrap().as_str(), "Bobby");
        assert_eq!(alias(" \u{200b} ").unwrap(), None);
        assert!(!alias("a\u{1b}[31mb").unwrap().unwrap().as_str().contains('\u{1b}'));
        assert!(alias(&"x".repeat(ALIAS_COLUMNS_MAX + 1)).is_err());
        assert!(alias(&"名".repeat(ALIAS_COLUMNS_MAX / 2 + 1)).is_err());
    }
}
