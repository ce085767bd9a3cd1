//! What is known of the terminal we are shown on, from the environment alone: what lies between us and it, and what
//! may be sent. No terminal is ever asked and waited for; what is not certain is left out.

/// The terminal, as far as the environment tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Emulator {
    /// What lies between us and it.
    pub between: Between,
    /// It swallows control strings it does not know (OSC, DCS): the Linux console prints some of them.
    pub strings: bool,
    /// Links may be marked as such (OSC 8).
    pub links: bool,
    /// How it shows a notification, where that is certain.
    pub notices: Option<Osc>,
}

/// What lies between us and the terminal, and eats control strings unless they are wrapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Between {
    /// Nothing we know of.
    #[default]
    Nothing,
    /// tmux.
    Tmux,
    /// GNU screen.
    Screen,
}

/// The control strings by which terminals show notifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Osc {
    /// OSC 9, of iTerm2: one line of text.
    Nine,
    /// OSC 99, of kitty: title and body.
    NinetyNine,
    /// OSC 777, of rxvt-unicode: title and body.
    SevenSevenSeven,
}

impl Emulator {
    /// What the environment says: `get` gives its variables.
    pub fn detect(get: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name| get(name).filter(|value| !value.is_empty());
        let term = set("TERM").unwrap_or_default();
        let between = if set("TMUX").is_some() || term.starts_with("tmux") {
            Between::Tmux
        } else if set("STY").is_some() || term.starts_with("screen") {
            Between::Screen
        } else {
            Between::Nothing
        };
        let strings = !matches!(term.as_str(), "" | "linux" | "dumb");
        let links = strings && !term.starts_with("screen");
        // Inside a multiplexer the variables are those of the terminal it was started in, not of the one it is
        // shown in now.
        let certain = strings && between == Between::Nothing;
        let program = set("TERM_PROGRAM").unwrap_or_default();
        let notices = match (term.as_str(), program.as_str()) {
            ("xterm-kitty", _) => Some(Osc::NinetyNine),
            (_, "iTerm.app" | "WezTerm" | "ghostty") => Some(Osc::Nine),
            (term, _) if term == "foot" || term.starts_with("foot-") => Some(Osc::SevenSevenSeven),
            _ => None,
        };
        Self { between, strings, links, notices: notices.filter(|_| certain) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(variables: &[(&str, &str)]) -> Emulator {
        Emulator::detect(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn what_lies_between_is_found() {
        assert_eq!(detect(&[("TERM", "xterm-256color")]).between, Between::Nothing);
        // Older configurations of tmux call their terminal screen.
        assert_eq!(detect(&[("TERM", "screen-256color"), ("TMUX", "/tmp/t,1,0")]).between, Between::Tmux);
        assert_eq!(detect(&[("TERM", "tmux-256color")]).between, Between::Tmux, "over SSH");
        assert_eq!(detect(&[("TERM", "screen.xterm-256color"), ("STY", "1.a")]).between, Between::Screen);
    }

    #[test]
    fn nothing_is_sent_to_who_may_print_it() {
        for term in ["linux", "dumb", ""] {
            let found = detect(&[("TERM", term), ("TERM_PROGRAM", "WezTerm")]);
            assert!(!found.strings && !found.links && found.notices.is_none(), "{term}");
        }
        assert!(!detect(&[("TERM", "screen")]).links);
        assert!(detect(&[("TERM", "tmux-256color")]).links);
    }

    #[test]
    fn notices_are_for_terminals_that_are_known() {
        assert_eq!(detect(&[("TERM", "xterm-kitty")]).notices, Some(Osc::NinetyNine));
        assert_eq!(detect(&[("TERM", "foot")]).notices, Some(Osc::SevenSevenSeven));
        let wezterm = ("TERM_PROGRAM", "WezTerm");
        assert_eq!(detect(&[("TERM", "xterm-256color"), wezterm]).notices, Some(Osc::Nine));
        assert_eq!(detect(&[("TERM", "tmux-256color"), wezterm]).notices, None);
        assert_eq!(detect(&[("TERM", "xterm-256color")]).notices, None);
    }
}
