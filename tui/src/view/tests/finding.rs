//! What a newcomer wants can be found from the screen alone: each story begins with what is visible at 80x24, and
//! presses only keys that the picture names at that moment, next to the word for what they do.

use super::*;
use crate::app::Effect;
use proto::client::Command;
use proto::id::Principal;
use proto::media::DeviceList;

impl Story {
    /// Presses `key` because the picture says `words`, such as `c call` or `[n] decline`.
    #[track_caller]
    fn read(&mut self, words: &str, key: &str) {
        self.see(words);
        self.keys(key);
    }

    #[track_caller]
    fn see(&self, words: &str) {
        let picture = picture(&self.buffer(80, 24).0);
        assert!(picture.contains(words), "nothing says \"{words}\" in\n{picture}");
    }

    /// The last thing asked of the client.
    #[track_caller]
    fn wish(&self) -> &Command {
        let command = self
            .effects
            .iter()
            .rev()
            .find_map(|effect| if let Effect::Send(command) = effect { Some(command) } else { None });
        command.expect("something was asked of the client")
    }

    fn newcomer() -> Self {
        let mut story = Self::with(UNICODE, vec![]);
        story.tell(Event::LoggedIn(name("alice")));
        story
    }
}

#[test]
fn adding_somebody_is_found() {
    let mut story = Story::newcomer();
    story.read("a to add a", "a");
    story.see("Add a contact");
    story.type_in("bob");
    story.read("Enter ask", "Enter");
    assert!(matches!(story.wish(), Command::Add { .. }), "{:?}", story.wish());
}

#[test]
fn a_message_with_a_request_is_found() {
    let mut story = Story::newcomer();
    story.read("a to add a", "a");
    story.type_in("bob");
    story.read("Tab message", "Tab");
    story.type_in("we met at the harbour");
    story.read("Enter ask", "Enter");
    let greet = Command::Greet { to: name("bob"), text: "we met at the harbour".into() };
    assert_eq!(*story.wish(), greet);
}

#[test]
fn calling_muting_and_hanging_up_are_found() {
    let mut story = Story::morning(UNICODE);
    story.read("c call", "c");
    assert!(matches!(story.wish(), Command::Call { .. }), "{:?}", story.wish());
    story.tell(Event::Calling { to: vec![name("bob")], plain: false });
    story.tell(Event::Joined { who: name("bob"), ssrc: Ssrc(7), plain: false });
    story.tell(Event::Heard(name("bob")));
    story.read("^T mute", "^t");
    assert!(story.effects.iter().any(|effect| matches!(effect, Effect::Sound(_))), "{:?}", story.effects);
    story.read("^X end", "^x");
    assert!(matches!(story.wish(), Command::HangUp), "{:?}", story.wish());
}

#[test]
fn answering_declining_and_silencing_are_found() {
    let ringing = || {
        let mut story = Story::morning(UNICODE);
        story.tell(Event::Incoming { from: name("carol"), others: vec![], guests: vec![], plain: false });
        story.wait(Duration::from_secs(1));
        story
    };
    let mut story = ringing();
    story.see("carol is calling you");
    story.read("y answer", "y");
    assert!(matches!(story.wish(), Command::Answer), "{:?}", story.wish());
    let mut story = ringing();
    story.read("n decline", "n");
    assert!(matches!(story.wish(), Command::Decline), "{:?}", story.wish());
}

#[test]
fn a_request_is_found_and_accepted() {
    let mut story = Story::morning(UNICODE);
    story.see("? grace");
    story.keys("G");
    story.read("A accept", "A");
    assert!(matches!(story.wish(), Command::Accept(who) if *who == name("grace")), "{:?}", story.wish());
}

#[test]
fn writing_is_found() {
    let mut story = Story::morning(UNICODE);
    story.read("Enter write", "Enter");
    story.type_in("hello");
    story.read("Enter send", "Enter");
    assert!(matches!(story.wish(), Command::Say { text, .. } if text == "hello"), "{:?}", story.wish());
}

#[test]
fn verifying_is_found() {
    let mut story = Story::morning(UNICODE);
    story.read("^P commands", "^p");
    story.type_in("verify");
    story.see("verify, compare keys");
    story.read("Enter do it", "Enter");
    story.see("Verify bob");
    story.read("y they match", "y");
    let Principal::Key(key) = story.model.contacts.get(&name("bob")).unwrap().principal.clone() else {
        panic!("a key")
    };
    let verified = Command::Verify { name: name("bob"), key, matches: true };
    assert_eq!(*story.wish(), verified);
}

/// What happens meanwhile must not hide how to answer the question on the screen.
#[test]
fn a_window_keeps_its_keys_in_sight() {
    let mut story = Story::morning(UNICODE);
    story.keys("s");
    story.tell(Event::Request(name("heidi")));
    story.see("heidi asks to be your contact");
    story.see("y they match  n they differ");
    story.keys("Esc");
    story.see("heidi asks to be your contact");
    let mut story = Story::morning(UNICODE);
    story.tell(Event::Incoming { from: name("carol"), others: vec![], guests: vec![], plain: false });
    story.tell(Event::Request(name("heidi")));
    story.see("heidi asks to be your contact");
    story.see("y answer");
}

#[test]
fn finding_somebody_is_found() {
    let mut story = Story::morning(UNICODE);
    story.read("^P commands", "^p");
    story.type_in("find");
    story.see("find somebody");
    story.read("Enter do it", "Enter");
    story.type_in("dav");
    story.keys("Enter");
    story.see("▌ ◐ dave");
}

#[test]
fn another_microphone_in_a_call_is_found() {
    let mut story = Story::in_call(UNICODE);
    story.read("^P commands", "^p");
    story.type_in("device");
    story.see("devices, echo test");
    story.read("Enter do it", "Enter");
    let microphones = vec![Safe::line("USB Headset"), Safe::line("Desk Microphone")];
    story.hear(SoundEvent::Devices(DeviceList { microphones, speakers: vec![] }));
    story.see("▌ Microphone");
    story.read("Enter change", "Enter");
    story.see("Desk Microphone");
    story.effects.clear();
    for _ in 0..3 {
        if !picture(&story.buffer(80, 24).0).contains("▌ Desk Microphone") {
            story.read("j next", "j");
        }
    }
    story.see("▌ Desk Microphone");
    story.keys("Enter");
    let taken = |effect: &Effect| format!("{effect:?}").contains("Desk Microphone");
    assert!(story.effects.iter().any(taken), "{:?}", story.effects);
}
