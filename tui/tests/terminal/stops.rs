//! Stopped, continued, hung up, and in panic: the shell gets its terminal as it was.

use portable_pty::CommandBuilder;

use super::screen::{Screen, at_home, program};

/// A shell with job control on a terminal of its own.
pub(crate) fn shell() -> Screen {
    let mut command = at_home(CommandBuilder::new("bash"));
    command.args(["--norc", "--noprofile", "-i"]);
    command.env("PS1", "shell$ ");
    command.env("HISTFILE", "");
    let mut screen = Screen::spawn(command, 80, 24);
    screen.listen();
    screen.see("shell$ ");
    screen
}

/// What `stty -g` says, between two marks.
fn modes(screen: &mut Screen, mark: &str) -> String {
    screen.press(format!("echo {mark}'<'$(stty -g)'>'\r").as_bytes());
    screen.see(&format!("{mark}<"));
    screen.see(">");
    let text = screen.contents().replace('\n', "");
    let said = text.rsplit(&format!("{mark}<")).next().unwrap();
    said.split('>').next().unwrap().to_owned()
}

#[test]
fn a_stop_gives_the_shell_its_terminal_and_fg_brings_the_screen_back() {
    let mut screen = shell();
    let before = modes(&mut screen, "before");
    screen.press(format!("{} --demo --demo-clock 14:32\r", program()).as_bytes());
    screen.see("CONTACTS");
    screen.press(b"\rhalf a sentence");
    screen.see("> half a sentence");
    screen.press(b"\x1a");
    screen.see("Stopped");
    assert!(!screen.vt.screen().alternate_screen() && !screen.vt.screen().hide_cursor());
    assert_eq!(modes(&mut screen, "stopped"), before);
    screen.press(b"fg\r");
    screen.see("> half a sentence");
    assert!(screen.vt.screen().alternate_screen());
    screen.press(b"!");
    screen.see("> half a sentence!");
    screen.press(b"\x03\x03");
    screen.see("shell$ ");
    assert_eq!(modes(&mut screen, "after"), before);
}

/// A stop that comes from outside, as `kill -TSTP` is one.
#[test]
fn a_stop_from_outside_is_one_too() {
    let mut screen = shell();
    let before = modes(&mut screen, "before");
    screen.press(format!("{} --demo --demo-clock 14:32 & fg\r", program()).as_bytes());
    screen.see("CONTACTS");
    let pid = child_of(screen.pid());
    signal(&pid, "-TSTP");
    screen.see("Stopped");
    assert_eq!(modes(&mut screen, "stopped"), before);
    screen.press(b"fg\r");
    screen.see("CONTACTS");
    signal(&pid, "-HUP");
    screen.see("shell$ ");
    assert!(!screen.vt.screen().alternate_screen());
    assert_eq!(modes(&mut screen, "after"), before);
}

pub(crate) fn signal(pid: &str, name: &str) {
    assert!(std::process::Command::new("kill").args([name, pid]).status().unwrap().success());
}

pub(crate) fn child_of(pid: u32) -> String {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    children.split_whitespace().next().expect("the shell runs the program").to_owned()
}

/// Set for the copy of this test that plays the program.
const PANICS: &str = "TINCAN_TEST_PANICS";

/// The real terminal, entered and drawn on; then a panic. What it says comes after the terminal was given back.
#[test]
fn a_panic_gives_the_terminal_back_and_then_speaks() {
    if std::env::var_os(PANICS).is_some() {
        return panics();
    }
    let mut screen = shell();
    let before = modes(&mut screen, "before");
    let me = std::env::current_exe().unwrap();
    let test = "stops::a_panic_gives_the_terminal_back_and_then_speaks";
    screen.press(format!("{PANICS}=1 {} --exact {test} --nocapture\r", me.display()).as_bytes());
    screen.see("the sky is falling");
    screen.see("test result: FAILED");
    assert!(!screen.vt.screen().alternate_screen() && !screen.vt.screen().hide_cursor());
    let entered = screen.raw.windows(8).position(|bytes| bytes == b"\x1b[?1049h").unwrap();
    let left = screen.raw.windows(8).position(|bytes| bytes == b"\x1b[?1049l").unwrap();
    let popped = screen.raw.windows(4).position(|bytes| bytes == b"\x1b[<u").unwrap();
    let pushed = screen.raw.windows(5).position(|bytes| bytes == b"\x1b[>5u").unwrap();
    assert!(pushed < popped && popped < left, "the keyboard is given back, too");
    let spoke = screen.raw.windows(7).rposition(|bytes| bytes == b"the sky").unwrap();
    assert!(entered < left && left < spoke, "{entered} {left} {spoke}");
    assert_eq!(modes(&mut screen, "after"), before);
}

fn panics() {
    use tincan_tui::app::emulator::Emulator;
    use tincan_tui::terminal::Terminal;
    let log = std::fs::OpenOptions::new().append(true).open("/dev/null").unwrap();
    let emulator = Emulator { strings: true, ..Emulator::default() };
    let mut terminal = Terminal::open(Some("xterm"), emulator, log).unwrap();
    terminal.draw(true, |_, _| None);
    terminal.flush().unwrap();
    panic!("the sky is falling");
}
