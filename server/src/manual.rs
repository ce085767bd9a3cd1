//! The manual page and the completions of shells, made from the arguments as they are. What no argument says,
//! examples, files, signals, exit codes, is here.

use clap::CommandFactory as _;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::args::Args;

/// The completions for a shell.
pub(crate) fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "tincand", &mut script);
    String::from_utf8_lossy(&script).trim_end().to_owned()
}

/// The manual page, as troff.
pub(crate) fn man() -> anyhow::Result<String> {
    let mut command = Args::command().after_help("");
    command.build();
    let man = Man::new(command.clone()).manual("System Administration");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    // A page without a date still has a place for it.
    let mut page = String::from_utf8(page)?.replace(".TH tincand 1  ", ".TH tincand 1 \"\" ");
    page.push_str(".SH COMMANDS\n");
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        let own = sub.clone().mut_args(|arg| {
            let shared = arg.is_global_set() || arg.get_id() == "help";
            arg.hide(shared)
        });
        let mut options = Vec::new();
        Man::new(own).render_options_section(&mut options)?;
        let options = String::from_utf8(options)?.replace(".SH OPTIONS\n", "");
        let about = sub.get_about().map(ToString::to_string).unwrap_or_default().replace('-', "\\-");
        page.push_str(&format!(".SS \"tincand {}\"\n{about}\n{options}", sub.get_name()));
    }
    page.push_str(REST);
    Ok(page.trim_end().to_owned())
}

/// What is not in the arguments, in troff.
const REST: &str = r#".SH EXAMPLES
.TP
.B tincand
Make what is needed, listen on port 8462 and print an invite.
.TP
.B tincand \-\-public voice.example.org
The same, with invites that name the host as the world knows it.
.TP
.B tincand \-\-plain\-text 127.0.0.1
Speak the plain text protocol too, on this machine only.
.TP
.B tincand invite \-\-new
Make another invite; the one before admits nobody any more.
.SH SIGNALS
SIGTERM, SIGINT and SIGHUP end in order, a second one at once. SIGUSR1 logs the counters.
.SH EXIT STATUS
.TP
.B 0
Ended in order.
.TP
.B 1
Something failed; standard error says what.
.TP
.B 2
Wrong arguments or settings.
.SH ENVIRONMENT
.TP
.B XDG_CONFIG_HOME, XDG_DATA_HOME
Where files are; see below.
.SH FILES
.TP
.I $XDG_CONFIG_HOME/tincand/tincand.toml
The settings, if it is there; usually in
.IR ~/.config .
.TP
.I $XDG_DATA_HOME/tincand
The server's key, its accounts and its invite; usually in
.IR ~/.local/share .
.SH SEE ALSO
.BR tincan (1)
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_every_option_and_command() {
        let page = man().unwrap();
        let command = Args::command();
        for option in command.get_arguments().filter_map(|arg| arg.get_long()) {
            assert!(page.contains(&format!("\\-\\-{}", option.replace('-', "\\-"))), "--{option}");
        }
        for sub in command.get_subcommands() {
            assert!(page.contains(&format!(".SS \"tincand {}\"", sub.get_name())), "{}", sub.get_name());
        }
    }
}
