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
        let set = |name: &str| get(name).filter(|value| !value.is_empty());
        let term = set("TERM").unwrap_or_default();
        let between = if set("TMUX").is_some() || term.starts_with("tmux") {
            Between::Tmux
        } else if set("STY").is_some() || term.starts_with("screen") {
            Between::Screen
        } else {
            Between::Nothing
        };
        let strings = !matches!(term.as_str(), "" | "linux" | "dumb");
        let program = set("TERM_PROGRAM").unwrap_or_default();
        let links = match between {
            Between::Nothing => strings && marks_links(&term, &program, &set),
            // It hands links on to terminals that it knows to have them.
            Between::Tmux => {
                program == "tmux" && set("TERM_PROGRAM_VERSION").is_some_and(|it| version(&it) >= (3, 4))
            }
            Between::Screen => false,
        };
        // Inside a multiplexer the variables are those of the terminal it was started in, not of the one it is
        // shown in now.
        let certain = strings && between == Between::Nothing;
        let notices = match (term.as_str(), program.as_str()) {
            ("xterm-kitty", _) => Some(Osc::NinetyNine),
            (_, "iTerm.app" | "WezTerm" | "ghostty") => Some(Osc::Nine),
            (term, _) if term == "foot" || term.starts_with("foot-") => Some(Osc::SevenSevenSeven),
            _ => None,
        };
        Self { between, strings, links, notices: notices.filter(|_| certain) }
    }
}

/// Whether the terminal is one that is known to understand OSC 8. Over SSH only `TERM` arrives.
fn marks_links(term: &str, program: &str, set: &dyn Fn(&str) -> Option<String>) -> bool {
    let terms = ["xterm-kitty", "xterm-ghostty", "wezterm", "foot", "alacritty", "contour", "rio"];
    let named =
        |name: &&str| term.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    let since = |name, first| set(name).and_then(|it| it.parse::<u32>().ok()).is_some_and(|it| it >= first);
    terms.iter().any(named)
        || matches!(program, "iTerm.app" | "WezTerm" | "ghostty" | "vscode" | "rio")
        || set("WT_SESSION").is_some()
        // GNOME's and other terminals on VTE 0.50, Konsole 20.12.
        || since("VTE_VERSION", 5_000)
        || since("KONSOLE_VERSION", 201_200)
}

/// The first two numbers of a version: `3.4`, `3.3a`, `next-3.5`.
fn version(text: &str) -> (u32, u32) {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
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
    }

    #[test]
    fn links_are_for_terminals_that_are_known() {
        let xterm = ("TERM", "xterm-256color");
        let kitty = [("TERM", "xterm-kitty")];
        let tmux = |version| {
            [
                ("TERM", "tmux-256color"),
                ("TMUX", "x"),
                ("TERM_PROGRAM", "tmux"),
                ("TERM_PROGRAM_VERSION", version),
            ]
        };
        let yes: [&[(&str, &str)]; 9] = [
            &kitty,
            &[("TERM", "foot-extra")],
            &[("TERM", "alacritty")],
            &[xterm, ("TERM_PROGRAM", "WezTerm")],
            &[xterm, ("VTE_VERSION", "7402")],
            &[xterm, ("KONSOLE_VERSION", "230400")],
            &tmux("3.4"),
            &tmux("next-3.6"),
            &tmux("3.5a"),
        ];
        for variables in yes {
            assert!(detect(variables).links, "{variables:?}");
        }
        let no: [&[(&str, &str)]; 9] = [
            &[xterm],
            &[xterm, ("VTE_VERSION", "4601")],
            &[xterm, ("KONSOLE_VERSION", "old")],
            &[("TERM", "footling")],
            &[("TERM", "linux"), ("VTE_VERSION", "7402")],
            &tmux("3.3a"),
            &[("TERM", "tmux-256color"), ("VTE_VERSION", "7402")],
            &[("TERM", "screen.xterm-256color"), ("STY", "1.a"), ("VTE_VERSION", "7402")],
            &[("TERM", "screen")],
        ];
        for variables in no {
            assert!(!detect(variables).links, "{variables:?}");
        }
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
