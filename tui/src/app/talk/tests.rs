//! Keys that are held, tapped, repeated and lost.

use super::*;

const SPACE: Code = Code::Char(' ');

fn talk(key: TalkKey) -> Talk {
    Talk::new(Transmit::Ptt, key)
}

/// Whether it is open at this time, with nothing happening meanwhile.
fn open_at(talk: &Talk, ms: u64) -> bool {
    let mut talk = talk.clone();
    talk.on_time(Time::ms(ms));
    talk.is_open()
}

/// A key that is held as a keyboard repeats it: every 33 ms after half a second.
fn held(talk: &mut Talk, from: u64, to: u64) {
    talk.press(SPACE, false, Time::ms(from));
    let mut at = from + 500;
    while at < to {
        talk.on_time(Time::ms(at));
        talk.press(SPACE, false, Time::ms(at));
        at += 33;
    }
}

#[test]
fn an_open_microphone_is_not_its_business() {
    let talk = Talk::new(Transmit::Open, TalkKey::Auto);
    assert!(!talk.keeps_silent() && !talk.is_on());
    assert!(self::talk(TalkKey::Auto).keeps_silent());
}

#[test]
fn a_release_shuts_after_the_end_of_the_word() {
    let mut talk = talk(TalkKey::Auto);
    talk.learn(Tier::Release);
    held(&mut talk, 0, 3000);
    assert!(open_at(&talk, 10_000), "no repeat is needed");
    talk.release(Code::Char('x'), Time::ms(3000));
    assert!(open_at(&talk, 3151), "another key");
    talk.release(SPACE, Time::ms(3000));
    assert!(open_at(&talk, 3149) && !open_at(&talk, 3150));
    talk.press(SPACE, false, Time::ms(3100));
    assert!(open_at(&talk, 3200), "pressed again within the tail");
    // The release was lost.
    assert!(open_at(&talk, 63_099) && !open_at(&talk, 63_100));
}

#[test]
fn the_first_release_tells_that_releases_are_told() {
    let mut talk = talk(TalkKey::Auto);
    assert_eq!(talk.tier(), Tier::Latch);
    talk.press(SPACE, false, Time::ms(0));
    talk.release(SPACE, Time::ms(90));
    assert!(!open_at(&talk, 240) && talk.tier() == Tier::Release);
}

#[test]
fn a_key_that_repeats_is_held_and_known_from_then_on() {
    let mut talk = talk(TalkKey::Auto);
    held(&mut talk, 0, 2000);
    assert_eq!(talk.tier(), Tier::Repeat);
    // The last repeat was at 1985.
    assert!(open_at(&talk, 2800) && !open_at(&talk, 2850));
    talk.on_time(Time::ms(2850));
    talk.press(SPACE, false, Time::ms(5000));
    assert!(open_at(&talk, 5849) && !open_at(&talk, 5850), "a tap is a short word");
    held(&mut talk, 9000, 30_000);
    assert!(open_at(&talk, 30_500));
}

#[test]
fn without_repeats_it_is_on_and_off() {
    let mut talk = talk(TalkKey::Auto);
    talk.press(SPACE, false, Time::ms(0));
    assert!(open_at(&talk, 600_000), "it stays on");
    talk.press(SPACE, false, Time::ms(5000));
    assert!(!talk.is_open());
    // Twice in half a second: open for that long and shut, a moment later because it might have been a repeat.
    talk.press(SPACE, false, Time::ms(9000));
    talk.press(SPACE, false, Time::ms(9400));
    assert!(open_at(&talk, 9549) && !open_at(&talk, 9550));
    assert_eq!(talk.tier(), Tier::Latch);
}

#[test]
fn what_was_chosen_is_what_it_does() {
    let mut hold = talk(TalkKey::Hold);
    hold.press(SPACE, false, Time::ms(0));
    assert!(open_at(&hold, 849) && !open_at(&hold, 850));
    let mut latch = talk(TalkKey::Latch);
    latch.learn(Tier::Release);
    latch.press(SPACE, false, Time::ms(0));
    latch.release(SPACE, Time::ms(100));
    latch.press(SPACE, true, Time::ms(500));
    assert!(open_at(&latch, 600_000));
    latch.press(SPACE, false, Time::ms(9000));
    latch.press(SPACE, false, Time::ms(9030));
    assert!(!latch.is_open(), "a repeat opens nothing");
}

#[test]
fn a_program_that_vanishes_does_not_keep_it_open() {
    let mut talk = talk(TalkKey::Auto);
    talk.hold(Time::secs(1));
    talk.lost_keyboard();
    assert!(talk.is_open() && talk.deadline() == Some(Time::secs(61)));
    talk.hold(Time::secs(50));
    assert!(!talk.on_time(Time::secs(100)) && talk.on_time(Time::secs(110)) && !talk.is_open());
    talk.lock_open();
    assert_eq!(talk.deadline(), None);
    talk.press(SPACE, false, Time::secs(200));
    assert!(!talk.is_open(), "the key shuts what another program opened");
}

#[test]
fn a_keyboard_that_is_gone_holds_nothing() {
    for tier in [Tier::Latch, Tier::Repeat, Tier::Release] {
        let mut talk = talk(TalkKey::Auto);
        talk.learn(tier);
        talk.press(SPACE, false, Time::ms(0));
        talk.lost_keyboard();
        assert!(talk.keeps_silent(), "{tier:?}");
    }
}

/// Shift that goes down or up while the key is held changes the letter that is told, not the key.
#[test]
fn a_release_in_another_letter_is_a_release() {
    for (down, up) in [('v', 'V'), ('Ж', 'ж'), (' ', ' ')] {
        let mut talk = talk(TalkKey::Auto);
        talk.learn(Tier::Release);
        talk.press(Code::Char(down), false, Time::ms(0));
        talk.release(Code::Char('t'), Time::ms(100));
        talk.release(Code::F(5), Time::ms(100));
        assert!(open_at(&talk, 1_000), "another key came up");
        talk.release(Code::Char(up), Time::ms(1_000));
        assert!(!open_at(&talk, 1_150), "{down} {up}");
    }
}
