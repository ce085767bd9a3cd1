//! How things look: the glyphs, whether there are colours, and the theme. What a theme is made of is the view's.

/// How things look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The glyphs to draw with.
    pub glyphs: Glyphs,
    /// Whether to use colours (`NO_COLOR` says no).
    pub colour: bool,
    /// What things are told apart by.
    pub theme: Theme,
}

impl Look {
    /// What the environment says: `get` gives its variables. Letters only on the Linux console and where the
    /// locale is known not to be UTF-8; no colours with `NO_COLOR` (<https://no-color.org>).
    pub fn detect(get: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| get(name).filter(|value| !value.is_empty());
        let console = set("TERM").is_some_and(|term| term == "linux");
        // The first of these that is set counts (POSIX 8.2). None at all is the C locale, which many containers and
        // SSH sessions have by accident while the terminal is UTF-8: the user's terminal is believed.
        let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG"));
        let utf8 = locale.is_none_or(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        let glyphs = if console || !utf8 { Glyphs::Ascii } else { Glyphs::Unicode };
        Self { glyphs, colour: set("NO_COLOR").is_none(), theme: Theme::Default }
    }
}

/// What to draw with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyphs {
    /// Lines, blocks and circles.
    Unicode,
    /// Letters only, for the Linux console and other places without the rest.
    Ascii,
}

/// What things are told apart by. None says anything by colour alone, and all are for dark and light backgrounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// The terminal's own sixteen colours.
    #[default]
    Default,
    /// Nothing dim, what matters bold or underlined, and few colours.
    Contrast,
    /// Bold, underlined and reversed; no colours.
    Mono,
}

impl Theme {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Default, Self::Contrast, Self::Mono];

    /// Its name in the configuration.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Contrast => "contrast",
            Self::Mono => "mono",
        }
    }

    /// Reads a name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.word() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(variables: &[(&str, &str)]) -> Look {
        Look::detect(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn glyphs_follow_the_terminal_and_the_locale() {
        assert_eq!(look(&[]).glyphs, Glyphs::Unicode);
        assert_eq!(look(&[("LANG", "de_DE.UTF-8")]).glyphs, Glyphs::Unicode);
        assert_eq!(look(&[("LANG", "de_DE.UTF-8"), ("LC_ALL", "C")]).glyphs, Glyphs::Ascii);
        assert_eq!(look(&[("LANG", "en_GB.utf8"), ("TERM", "linux")]).glyphs, Glyphs::Ascii);
        assert_eq!(look(&[("LC_ALL", ""), ("LANG", "C.UTF-8")]).glyphs, Glyphs::Unicode);
    }

    #[test]
    fn no_color_means_no_colour_unless_empty() {
        assert!(look(&[("NO_COLOR", "")]).colour);
        assert!(!look(&[("NO_COLOR", "1")]).colour);
    }
}
