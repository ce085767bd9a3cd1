//! The command of `[notify]`: a program of the user's own, told of calls and texts. No shell is between: the words of
//! others reach it as environment variables and are never read as a command. Nothing waits for it, it is reaped, and
//! of those that hang there are never more than [`HOOKS_MAX`], each for at most [`HOOK_TIME_MAX`]. What it started goes
//! with it then.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::app::notify::Alert;
use crate::limits::{HOOK_TIME_MAX, HOOKS_MAX};

mod group;

/// Between two looks whether a command has ended.
const LOOK: Duration = Duration::from_millis(50);

/// The command, and how many of it run.
#[derive(Debug)]
pub struct Hook {
    command: Vec<String>,
    running: Arc<AtomicUsize>,
    /// How long one may take.
    patience: Duration,
}

impl Default for Hook {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Hook {
    /// Runs this program with these arguments; an empty list runs nothing.
    pub fn new(command: Vec<String>) -> Self {
        Self { command, running: Arc::default(), patience: HOOK_TIME_MAX }
    }

    /// Tells the command, unless too many still run. Returns at once: even starting a program can take long.
    pub fn tell(&self, alert: &Alert) {
        let Some((program, arguments)) = self.command.split_first() else { return };
        if self.running.fetch_add(1, Ordering::SeqCst) >= HOOKS_MAX {
            self.running.fetch_sub(1, Ordering::SeqCst);
            tracing::warn!(program, "the command of [notify] still runs too often: not run");
            return;
        }
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("TINCAN_EVENT", alert.what.word())
            .env("TINCAN_FROM", alert.who.as_str())
            .env("TINCAN_TEXT", alert.preview.as_ref().map_or("", |text| text.as_str()))
            .env("TINCAN_WORDS", alert.words())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // A group of its own: what is typed at our terminal is not for it, and it can be ended as a whole.
            .process_group(0);
        let (running, name, patience) = (Arc::clone(&self.running), program.clone(), self.patience);
        let run = move || {
            match command.spawn() {
                Ok(child) => wait(child, &name, patience),
                Err(why) => tracing::warn!(program = name, %why, "the command of [notify] does not start"),
            }
            running.fetch_sub(1, Ordering::SeqCst);
        };
        if thread::Builder::new().name("hook".into()).spawn(run).is_err() {
            self.running.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// How many run.
    pub fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }
}

/// Waits for the end of a command, and makes it end in the end.
fn wait(mut child: Child, name: &str, patience: Duration) {
    let until = Instant::now() + patience;
    while Instant::now() < until {
        match child.try_wait() {
            Ok(None) => thread::sleep(LOOK),
            Ok(Some(_)) | Err(_) => return,
        }
    }
    tracing::warn!(program = name, "the command of [notify] does not end: killed");
    // Before it is reaped: until then its number is nobody else's.
    group::kill(child.id());
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::notify::What;
    use crate::testing::Scratch;
    use proto::Safe;

    fn alert(text: &str) -> Alert {
        Alert { what: What::Message, who: Safe::line("bob"), preview: Some(Safe::line(text)) }
    }

    fn until(what: &str, done: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(30);
        while !done() {
            assert!(Instant::now() < end, "waited for {what}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// What others write stays a word, whatever a shell would make of it.
    #[test]
    fn a_command_is_told_and_reaped() {
        let scratch = Scratch::new("hook");
        let file = scratch.path().join("told");
        let script =
            "printf '%s|%s|%s|%s' \"$TINCAN_EVENT\" \"$TINCAN_FROM\" \"$TINCAN_TEXT\" \"$1\" > \"$0\"";
        let words = ["sh", "-c", script, file.to_str().unwrap(), "a $(b)"];
        let hook = Hook::new(words.map(str::to_owned).to_vec());
        hook.tell(&alert("$(touch x); `y`"));
        until("the command to end", || hook.running() == 0);
        assert_eq!(std::fs::read_to_string(file).unwrap(), "message|bob|$(touch x); `y`|a $(b)");
    }

    /// What the README shows does notify, and takes the words for words.
    #[test]
    fn the_example_of_the_readme_tells_what_happened() {
        let readme = include_str!("../../README.md");
        let line = readme.lines().find(|line| line.starts_with("command = ")).expect("there is an example");
        let config = crate::config::Config::parse(&format!("[notify]\n{line}\n")).unwrap();
        let scratch = Scratch::new("hook-readme");
        let (program, told) = (scratch.path().join("notify-send"), scratch.path().join("told"));
        std::fs::write(&program, "#!/bin/sh\nprintf '%s|' \"$@\" > \"${0%/*}/told\"\n").unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let mut command = vec!["env".to_owned(), format!("PATH={}:/usr/bin:/bin", scratch.path().display())];
        command.extend(config.notify.command);
        let hook = Hook::new(command);
        hook.tell(&alert("$(touch x)"));
        until("the command to end", || hook.running() == 0);
        let told = std::fs::read_to_string(told).unwrap();
        assert_eq!(told, format!("tincan|{}|", alert("$(touch x)").words()));
    }

    #[test]
    fn commands_that_hang_do_not_pile_up() {
        let scratch = Scratch::new("hook-hang");
        let (go, log) = (scratch.path().join("go"), scratch.path().join("log"));
        let script = "echo x >> \"$1\"; while [ ! -e \"$0\" ]; do sleep 0.05; done";
        let words = ["sh", "-c", script, go.to_str().unwrap(), log.to_str().unwrap()];
        let hook = Hook::new(words.map(str::to_owned).to_vec());
        (0..3 * HOOKS_MAX).for_each(|_| hook.tell(&alert("x")));
        let count = || std::fs::read_to_string(&log).unwrap_or_default().len() / 2;
        until("all that may to run", || count() == HOOKS_MAX);
        assert_eq!(hook.running(), HOOKS_MAX);
        std::fs::write(&go, "").unwrap();
        until("all to end", || hook.running() == 0);
        assert_eq!(count(), HOOKS_MAX, "none of the others was kept for later");
    }

    /// What it runs in the background and waits for would otherwise stay after every text that comes.
    #[test]
    fn what_a_hanging_command_started_ends_with_it() {
        let scratch = Scratch::new("hook-group");
        let file = scratch.path().join("pid");
        let script = "sleep 1000 & echo $! > \"$0.new\"; mv \"$0.new\" \"$0\"; wait";
        let words = ["sh", "-c", script, file.to_str().unwrap()];
        let hook =
            Hook { patience: Duration::from_millis(700), ..Hook::new(words.map(str::to_owned).to_vec()) };
        let pid = || std::fs::read_to_string(&file).unwrap_or_default().trim().parse::<u32>().ok();
        // A machine that is too busy to start both in time kills an empty group: once more then.
        while pid().is_none() {
            hook.tell(&alert("x"));
            until("the command to be killed", || hook.running() == 0);
        }
        let stat = format!("/proc/{}/stat", pid().unwrap());
        // Whoever adopts it may be slow to reap it: dead is enough.
        let state = || {
            std::fs::read_to_string(&stat).ok().and_then(|text| text.rsplit(')').next().map(str::to_owned))
        };
        until("the sleeper to be gone", || {
            state().is_none_or(|rest| rest.trim_start().starts_with(['Z', 'X']))
        });
    }

    #[test]
    fn what_cannot_be_started_and_nothing_at_all_are_survived() {
        let hook = Hook::new(vec!["/no/such/program".to_owned()]);
        hook.tell(&alert("x"));
        until("the failure", || hook.running() == 0);
        Hook::default().tell(&alert("x"));
    }
}
