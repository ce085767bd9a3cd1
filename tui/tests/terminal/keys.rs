//! Every key of the keymap, pressed in its place in the real program: something is seen of it that is not to be seen in a
//! twin of the program where it was not pressed, and the program goes on.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tincan_tui::app::keymap::{Act, Place, Row, TABLE};
use tincan_tui::keys::{Code, Key};

use super::screen::{QUIET, Screen};

/// A key is seen on the screen within so long, even on a busy machine.
const SEEN: Duration = Duration::from_secs(5);

/// What is pressed to get to a place, and what is seen then.
type Steps = &'static [Step];

type Step = (&'static [u8], &'static str);

const CALL: Steps = &[PLACED, OPENED];
const PLACED: Step = (b"c", "E2E");
const OPENED: Step = (b"\x07", "end-to-end");
const AGAIN: Steps = &[PLACED, OPENED, (b"r", "Esc ")];

/// By the place's name, so that a new place is a test that fails with a word, and not one that does not compile.
fn way(place: Place) -> Option<Steps> {
    Some(match format!("{place:?}").as_str() {
        "Anywhere" | "List" => &[],
        "Marked" => &[(b" ", "1 marked")],
        "Message" | "Edit" => &[(b"\r", "Esc list"), (b"ab cd ef", "> ab cd ef"), (b"\x1b[D\x1b[D", "> ab")],
        "Call" => CALL,
        "Again" => AGAIN,
        "Incoming" => &[(b"", "is calling you")],
        "Consent" => &[(b"jjjj", "online, not encrypted"), (b"c", "[y] call anyway")],
        "Add" => &[(b"a", "Add a contact")],
        "Rename" => &[(b"R", "Enter rename")],
        "Find" => &[(b"/", "Enter choose")],
        "Verify" => &[(b"s", "Verify bob")],
        "Code" => &[(b"s", "Verify bob"), (b"Q", "exchange light and dark")],
        "Blocked" => &[(b"bb", "blocked"), (b"B", "let in again")],
        "Help" => &[(b"?", "Keys")],
        "Palette" => &[(b"\x10", "Command")],
        "Settings" => &[(b",", "SETTINGS")],
        // The first run needs a server, or one that is silent.
        "Welcome" => &[],
        // It follows a login, in the scenario that asks the sound server who reads the microphone meanwhile.
        "FirstSound" => return None,
        // A server or a friend with a changed key is played in the stories of the model.
        "Stop" | "Changed" => return None,
        new => panic!("say how one gets to {new}"),
    })
}

fn bytes(key: Key) -> Vec<u8> {
    let mut bytes = if key.mods.alt { vec![0x1b] } else { Vec::new() };
    match key.code {
        Code::Char(c) if key.mods.ctrl => bytes.push(c as u8 & 0x1f),
        Code::Char(c) => bytes.extend(c.to_string().bytes()),
        Code::Enter => bytes.push(b'\r'),
        Code::Tab => bytes.push(b'\t'),
        Code::Backspace => bytes.push(0x7f),
        Code::Esc => bytes.push(0x1b),
        Code::Up => bytes.extend(b"\x1b[A"),
        Code::Down => bytes.extend(b"\x1b[B"),
        Code::Left if key.mods.ctrl => bytes.extend(b"\x1b[1;5D"),
        Code::Right if key.mods.ctrl => bytes.extend(b"\x1b[1;5C"),
        Code::Right => bytes.extend(b"\x1b[C"),
        Code::Left => bytes.extend(b"\x1b[D"),
        Code::Home => bytes.extend(b"\x1b[H"),
        Code::End => bytes.extend(b"\x1b[F"),
        Code::PageUp => bytes.extend(b"\x1b[5~"),
        Code::PageDown => bytes.extend(b"\x1b[6~"),
        Code::Insert => bytes.extend(b"\x1b[2~"),
        Code::Delete => bytes.extend(b"\x1b[3~"),
        Code::F(n @ 1..=4) => bytes.extend([0x1b, b'O', b'P' + n - 1]),
        Code::F(n) => bytes.extend(format!("\x1b[{}~", n + 10).bytes()),
    }
    bytes
}

/// A difference that lasts so long is none of what comes a little later in the one than in the other.
const LASTS: Duration = Duration::from_millis(400);

/// Whether the two come to look alike, or different, and stay so, within `time`.
fn come_to_be(alike: bool, pressed: &mut Screen, twin: &mut Screen, time: Duration) -> bool {
    let end = Instant::now() + time;
    let mut since = None;
    loop {
        pressed.pause(LOOK);
        twin.pause(LOOK);
        let now = Instant::now();
        if (pressed.looks() == twin.looks()) != alike {
            since = None;
        } else if now - *since.get_or_insert(now) >= LASTS {
            return true;
        }
        if now > end {
            return false;
        }
    }
}

/// Between two looks at a screen.
const LOOK: Duration = Duration::from_millis(20);

/// These paint all anew, and end as they began.
fn paints_the_same(row: &Row) -> bool {
    matches!(row.act, Act::Redraw | Act::Suspend)
}

/// Everything is painted, which is more than the clock and the figures of a call are.
fn paints_all(screen: &mut Screen) -> bool {
    let (before, end) = (screen.raw.len(), Instant::now() + SEEN);
    while screen.raw.len() < before + WHOLE && Instant::now() < end {
        screen.pause(LOOK);
    }
    screen.raw.len() >= before + WHOLE
}

/// No whole screen has fewer bytes, and no five seconds of figures have as many.
const WHOLE: usize = 800;

/// Where the demonstration stands these show nothing: there is nothing further up, to take back, to cut or to end, and
/// nobody else in the call to choose.
fn may_be_seen_by_nothing(row: &Row) -> bool {
    let quiet = [Act::Unmark, Act::Scroll { up: false }, Act::Scroll { up: true }, Act::Back];
    quiet.contains(&row.act) || matches!(row.act, Act::Move(_) | Act::Choose { .. } | Act::Edit(_) | Act::Go)
}

/// Both in that place, and as much alike as two can be.
fn get_to(place: Place, screen: &mut Screen, twin: &mut Screen) {
    for (keys, seen) in way(place).unwrap() {
        // Both at once: what happens by itself then comes to both together.
        screen.press(keys);
        twin.press(keys);
        screen.see(seen);
        twin.see(seen);
    }
    // Windows that open over the list take keys only once the keyboard has rested.
    twin.pause(QUIET / 2);
    screen.pause(QUIET);
    assert!(come_to_be(true, screen, twin, SEEN), "{place:?}:\n{}\n{}", screen.contents(), twin.contents());
}

fn press(mut screen: Screen, mut twin: Screen, place: Place, row: &Row, key: Key) {
    get_to(place, &mut screen, &mut twin);
    screen.press(&bytes(key));
    if row.act == Act::Quit && place != Place::Call {
        assert_eq!(screen.wait_exit().exit_code(), 0, "{key:?} in {place:?}");
        return;
    }
    let seen = if paints_the_same(row) {
        paints_all(&mut screen)
    } else {
        may_be_seen_by_nothing(row) || come_to_be(false, &mut screen, &mut twin, SEEN)
    };
    assert!(seen, "{key:?} in {place:?} is not seen:\n{}", screen.contents());
    // Right behind an Escape it would be another key.
    screen.pause(QUIET / 2);
    screen.press(b"\x0c");
    assert!(paints_all(&mut screen), "after {key:?} in {place:?} nothing is painted any more");
    assert!(screen.is_running(), "{key:?} in {place:?} ends the program");
}

/// What differs between two where nothing was pressed would be taken for something that is seen of a key.
fn press_nothing(mut screen: Screen, mut twin: Screen, place: Place) {
    get_to(place, &mut screen, &mut twin);
    let seen = come_to_be(false, &mut screen, &mut twin, SEEN / 2);
    assert!(!seen, "{place:?} changes by itself:\n{}\n{}", screen.contents(), twin.contents());
}

/// A configuration in which no meter moves; it is gone with its handle.
struct Still(PathBuf);

impl Still {
    fn new() -> Self {
        let file = std::env::temp_dir().join(format!("tincan-still-{}.toml", std::process::id()));
        std::fs::write(&file, "[ui]\nmeter_hz = 0\n").unwrap();
        Self(file)
    }
}

impl Drop for Still {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// As many at a time wait for somebody to call, or for a window to take keys.
const AT_ONCE: usize = 8;

#[test]
fn every_key_does_something_where_it_counts_and_the_program_goes_on() {
    let rows: Vec<&Row> = TABLE.iter().filter(|row| way(row.place).is_some()).collect();
    let mut all: Vec<(Place, Option<(&Row, Key)>)> = rows.iter().map(|row| (row.place, None)).collect();
    all.dedup_by_key(|(place, _)| *place);
    let places = all.len();
    all.extend(rows.iter().flat_map(|row| row.keys.iter().map(|key| (row.place, Some((*row, *key))))));
    assert!(all.len() - places >= 80, "{} keys", all.len() - places);
    let still = Still::new();
    let config = still.0.to_str().unwrap();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for worker in 0..AT_ONCE {
            let (all, next) = (&all, &next);
            scope.spawn(move || {
                while let Some((place, key)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (screen, twin) = if *place == Place::Welcome {
                        let first = Screen::start(&format!("key-{worker}-pressed"));
                        let twin = first.start_as(&format!("key-{worker}-twin"));
                        (first, twin)
                    } else {
                        (Screen::demo(&["--config", config]), Screen::demo(&["--config", config]))
                    };
                    match key {
                        Some((row, key)) => press(screen, twin, *place, row, *key),
                        None => press_nothing(screen, twin, *place),
                    }
                }
            });
        }
    });
}

/// Name and message are written in one window, which stays, with both, until somebody is asked.
#[test]
fn somebody_is_asked_with_a_message_and_a_refusal_loses_nothing() {
    let mut screen = Screen::demo(&[]);
    screen.press(b"a");
    screen.see("Add a contact");
    screen.press(b"bob\t");
    screen.see("Tab name or link");
    screen.press("it is alice, 李雷 \u{1f44b}".as_bytes());
    screen.press(b"\r");
    screen.see("They are in your list already.");
    screen.see("it is alice, 李雷 \u{1f44b}");
    // The name is what is to be mended, and none of these letters is a command of the list.
    screen.press(b"\x15quincy");
    screen.see("name or link  quincy");
    screen.press(b"\r");
    screen.see("quincy has been asked.");
    assert!(!screen.contents().contains("Add a contact"), "{}", screen.contents());
}
