//! The manual page and the completions of shells, made from the arguments as they are, so that they cannot disagree.
//! What no argument says, examples, files, exit codes, is here.

use std::io::{self, Write as _};

use anyhow::Context as _;
use clap::{Command, CommandFactory as _};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::args::Args;

/// Writes the completions for a shell.
///
/// # Errors
/// When standard output cannot be written.
pub fn completions(shell: Shell) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "tincan", &mut script);
    print(&script)
}

/// Writes the manual page, as troff.
///
/// # Errors
/// When standard output cannot be written.
pub fn man() -> anyhow::Result<()> {
    print(page()?.as_bytes())
}

fn print(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).context("writing to standard output")
}

/// The whole page: what the arguments say, the commands one after the other, and the rest.
fn page() -> anyhow::Result<String> {
    let mut command = Args::command()
        .about("voice calls and chat for people who live in terminals")
        .long_about(DESCRIPTION);
    command.build();
    let man = Man::new(command.clone()).manual("User Commands");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    // A page without a date still has a place for it.
    let mut page = String::from_utf8(page)?.replace(".TH tincan 1  ", ".TH tincan 1 \"\" ");
    page.push_str(".SH COMMANDS\n");
    commands(&command, &command, "tincan", &mut page)?;
    for (heading, text) in SECTIONS {
        page.push_str(&format!(".SH {heading}\n{text}"));
    }
    Ok(page)
}

/// Each command with its own arguments; what others take too is said once, above.
fn commands(top: &Command, of: &Command, path: &str, page: &mut String) -> anyhow::Result<()> {
    for command in
        of.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help")
    {
        let path = format!("{path} {}", command.get_name());
        let above =
            |id: &clap::Id| top.get_arguments().any(|arg| arg.get_id() == id && arg.get_long().is_some());
        let own = command.clone().mut_args(|arg| {
            let shared = arg.is_global_set() || above(arg.get_id());
            arg.hide(shared)
        });
        let mut options = Vec::new();
        Man::new(own).render_options_section(&mut options)?;
        let options = String::from_utf8(options)?.replace(".SH OPTIONS\n", "");
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        page.push_str(&format!(".SS \"{path}\"\n{}\n{options}", escaped(&about)));
        if let Some(after) = command.get_after_help() {
            page.push_str(&laid_out(&after.to_string()));
        }
        commands(top, command, &path, page)?;
    }
    Ok(())
}

/// Paragraphs, in which lines that are set in stay as they are.
fn laid_out(text: &str) -> String {
    let mut page = String::from(".PP\n");
    for line in text.lines() {
        match line.strip_prefix("  ") {
            None if line.is_empty() => page.push_str(".PP\n"),
            None => page.push_str(&format!("{}\n", escaped(line))),
            Some(example) => page.push_str(&format!(".br\n    {}\n", escaped(example))),
        }
    }
    page
}

/// Text as troff takes it: a stroke is a hyphen that can be copied, and no line begins a request.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let lines = text.lines().map(|line| match line.strip_prefix(['.', '\'']) {
        Some(_) => format!("\\&{line}"),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

const DESCRIPTION: &str = "\
Calls and writes to people on a server that runs tincand, on the full screen, in lines (--plain), from the shell \
(call, answer) or for programs (--headless). Between users of tincan everything is end-to-end encrypted.

In the full screen, ? shows the keys. An account is a key that is made on the first start; there is no password.";

/// What is not in the arguments, in troff.
const SECTIONS: [(&str, &str); 5] = [
    (
        "EXAMPLES",
        r#".TP
.B tincan tincan://home.example/2c3TZref\(dq#\(dqSHA256:...
The first start: take a name on the server of an invite.
.TP
.B tincan
The server used last, with the full screen.
.TP
.B tincan \-\-plain
The same in lines: for screen readers, TERM=dumb, scripts and bad links. /help lists the commands.
.TP
.B tincan call bob
Call somebody from the shell, by the sound card.
.TP
.B espeak\-ng \-\-stdout \(aqlunch is ready\(aq | tincan call bob \-\-in \-
Say something to somebody.
.TP
.B tincan doctor
Look at everything that a call needs, and say what to do about what fails.
.TP
.B tincan completions bash > ~/.local/share/bash\-completion/completions/tincan
Complete arguments in bash.
"#,
    ),
    (
        "EXIT STATUS",
        ".TP\n.B 0\nAs asked.\n\
         .TP\n.B 1\nSomething failed; standard error says what.\n\
         .TP\n.B 2\nWrong arguments or a wrong configuration, or no terminal for the full screen.\n\
         .TP\n.B 3\nThe server cannot be reached.\n\
         .TP\n.B 4\nThe server's key is not the pinned one, or it refused the name or the key.\n\
         .TP\n.B 5\nThe other side is not there, or declined.\n\
         .TP\n.B 6\nNo audio device.\n\
         .TP\n.B 130\nInterrupted (SIGINT).\n",
    ),
    (
        "ENVIRONMENT",
        ".TP\n.B NO_COLOR\nNo colours when it is set and not empty.\n\
         .TP\n.B TERM\nWhat the terminal understands. With\n.B dumb\nor without it there is no full screen.\n\
         .TP\n.B LC_ALL, LC_CTYPE, LANG\nLetters only when the first of these that is set is not UTF\\-8.\n\
         .TP\n.B SSH_CONNECTION, SSH_TTY\nThe terminal is far away: meters move less often.\n\
         .TP\n.B TMUX, STY\nTerminal sequences are wrapped for tmux and screen.\n\
         .TP\n.B USER, LOGNAME\nThe name that is proposed on the first start.\n\
         .TP\n.B PULSE_SERVER, XDG_RUNTIME_DIR\nWhere the sound server listens.\n\
         .TP\n.B XDG_CONFIG_HOME, XDG_DATA_HOME, XDG_STATE_HOME\nWhere files are; see below.\n",
    ),
    (
        "FILES",
        ".TP\n.I $XDG_CONFIG_HOME/tincan/config.toml\nWhat is wanted every time; usually in\n.IR ~/.config .\n\
         .B tincan config show\nlists its keys and where each value comes from.\n\
         .TP\n.I $XDG_DATA_HOME/tincan\nThe profile: who you are, contacts, texts, the servers known; usually in\n\
         .IR ~/.local/share .\nKeep it to yourself.\n\
         .TP\n.I $XDG_STATE_HOME/tincan/recordings\nRecordings of calls; usually in\n.IR ~/.local/state .\n",
    ),
    ("SEE ALSO", ".BR tincand (1)\n"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn the_page_has_every_section_every_option_and_every_exit_code() {
        let page = page().unwrap();
        for section in [
            "NAME",
            "SYNOPSIS",
            "DESCRIPTION",
            "OPTIONS",
            "COMMANDS",
            "EXAMPLES",
            "EXIT STATUS",
            "ENVIRONMENT",
            "FILES",
        ] {
            let heading = [format!(".SH {section}\n"), format!(".SH \"{section}\"\n")];
            assert!(heading.iter().any(|heading| page.contains(heading.as_str())), "{section}");
        }
        let command = Args::command();
        for option in
            command.get_arguments().filter(|arg| !arg.is_hide_set()).filter_map(|arg| arg.get_long())
        {
            assert!(page.contains(&escaped(&format!("--{option}"))), "--{option}");
        }
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            assert!(page.contains(&format!(".SS \"tincan {}\"", sub.get_name())), "{}", sub.get_name());
        }
        for exit in [Exit::Ok, Exit::Failed, Exit::Usage, Exit::Unreachable, Exit::Refused, Exit::Interrupted]
        {
            assert!(page.contains(&format!(".B {}\n", exit as u8)), "{exit:?}");
        }
    }

    #[test]
    fn text_cannot_become_a_request() {
        assert_eq!(escaped(".so x\n'b \\n --y"), "\\&.so x\n\\&'b \\en \\-\\-y");
    }
}
