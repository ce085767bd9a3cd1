//! The command of `[notify]`: a program of the user's own, told of calls and texts. No shell is between: the words of
//! others reach it as environment variables and are never read as a command. Nothing waits for it, it is reaped, and
//! of those that hang there are never more than [`HOOKS_MAX`], each for at most [`HOOK_TIME_MAX`].

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::app::notify::Alert;
use crate::limits::{HOOK_TIME_MAX, HOOKS_MAX};

/// Between two looks whether a command has ended.
const LOOK: Duration = Duration::from_millis(50);

/// The command, and how many of it run.
#[derive(Debug, Default)]
pub struct Hook {
    command: Vec<String>,
    running: Arc<AtomicUsize>,
}

impl Hook {
    /// Runs this program with these arguments; an empty list runs nothing.
    pub fn new(command: Vec<String>) -> Self {
        Self { command, running: Arc::default() }
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
            // A group of its own: what is typed at our terminal is not for it.
            .process_group(0);
        let (running, name) = (Arc::clone(&self.running), program.clone());
        let run = move || {
            match command.spawn() {
                Ok(child) => wait(child, &name),
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
fn wait(mut child: Child, name: &str) {
    let until = Instant::now() + HOOK_TIME_MAX;
    while Instant::now() < until {
        match child.try_wait() {
            Ok(None) => thread::sleep(LOOK),
            Ok(Some(_)) | Err(_) => return,
        }
    }
    tracing::warn!(program = name, "the command of [notify] does not end: killed");
    let _ = child.kill();
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

    #[test]
    fn what_cannot_be_started_and_nothing_at_all_are_survived() {
        let hook = Hook::new(vec!["/no/such/program".to_owned()]);
        hook.tell(&alert("x"));
        until("the failure", || hook.running() == 0);
        Hook::default().tell(&alert("x"));
    }
}
