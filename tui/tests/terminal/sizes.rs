//! Windows of all sizes, and many of them one after another: nothing is lost.

use super::screen::Screen;

/// What is written, marked and open is there after sixty sizes, among them ones where nothing of it can be shown.
#[test]
fn a_storm_of_sizes_loses_nothing() {
    let mut screen = Screen::demo(&[]);
    screen.press(b"jj \r");
    screen.press("half a sentence, 日本".as_bytes());
    screen.see("half a sentence, 日本");
    for step in 0..60u16 {
        let (cols, rows) = (1 + step * 37 % 150, 1 + step * 23 % 50);
        screen.resize(cols, rows);
        // Keys arrive in between, as they do.
        screen.press(if step % 2 == 0 { b"\x1b[D" } else { b"\x1b[C" });
    }
    screen.resize(100, 30);
    screen.see("half a sentence, 日本");
    screen.see("1 marked");
    screen.press(b"!");
    screen.see("half a sentence, 日本!");
}

/// A window that is open stays open, and the call goes on where it cannot be shown.
#[test]
fn a_window_and_a_call_outlive_a_screen_that_is_too_small_for_them() {
    let mut screen = Screen::demo(&[]);
    screen.press(b"c");
    screen.see("E2E");
    screen.press(b"a");
    screen.press(b"heidi");
    screen.see("heidi");
    screen.resize(39, 9);
    screen.see("^T mute  ^X end");
    screen.press(b"\x14");
    screen.see("muted");
    screen.resize(80, 24);
    screen.see("Add a contact");
    screen.see("heidi");
    screen.press(b"\x1b");
    screen.see_no("Add a contact");
    screen.see("E2E");
}

#[test]
fn forty_by_ten_is_enough_to_write_call_and_hang_up() {
    let mut screen = Screen::demo(&[]);
    screen.resize(40, 10);
    screen.see("CONTACTS");
    screen.press(b"\rhello there\r");
    screen.see("hello there");
    screen.press(b"\x1b");
    screen.see("CONTACTS");
    screen.press(b"c");
    screen.see("^X end");
    screen.press(b"\x18");
    screen.see("You talked");
}

/// The kernel tells of a size that the terminal does not know: the classic one is taken.
#[test]
fn a_terminal_without_a_size_is_taken_for_the_classic_one() {
    let mut screen = Screen::spawn(super::screen::demo(&[]), 0, 0);
    screen.listen();
    screen.vt = vt100::Parser::default();
    screen.see("CONTACTS");
}
