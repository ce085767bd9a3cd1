//! Stories of the linear mode: things happen, lines are typed, lines are said, effects are asked for.

use proptest::prelude::*;
use proto::Wall;
use proto::client::{Banned, ContactInfo, EndReason, LinkState, Matter, MessageState};
use proto::id::{MsgId, Principal, Ssrc};
use proto::media::{HalfState, MemberState, SoundEvent, TapeState, ToolEvent};
use proto::wire::record::{Presence, Standing, Why};

use super::*;
use crate::app::chat::{From, Line};
use crate::app::contacts::UNDO_TIME;
use crate::app::keymap::TABLE as KEYS;
use crate::app::story::{START, Story as Screen, UNICODE, contact, guest, name};
use crate::testing::END_REASONS;

mod scripts;
mod texts;

struct Story {
    prose: Prose,
    now: Now,
    effects: Vec<Effect>,
}

impl Story {
    fn new(known: bool, named: Option<&str>) -> Self {
        let settings = Screen::new(None, UNICODE).model.settings;
        let now = Now { mono: Time::secs(100), wall: START };
        let mut prose = Prose::new(settings, known, named.map(name), now);
        prose.start();
        let mut story = Self { prose, now, effects: Vec::new() };
        story.said();
        story
    }

    /// Alice, logged in; bob and carol are there, erin is not, grace asks, gina is a guest.
    fn friends() -> Self {
        let mut story = Self::new(true, None);
        story.tell(Event::Link(LinkState::Online));
        story.tell(Event::LoggedIn(name("alice")));
        story.tell(Event::Contacts(vec![
            contact("bob", Standing::Mutual, Presence::Online),
            contact("carol", Standing::Mutual, Presence::Online),
            contact("erin", Standing::Mutual, Presence::Offline),
            contact("grace", Standing::Asking, Presence::Online),
            guest("gina"),
        ]));
        story.effects.clear();
        story.said();
        story
    }

    fn event(&mut self, msg: Msg) -> String {
        self.effects.extend(self.prose.tell(msg, self.now));
        self.said()
    }

    fn tell(&mut self, event: Event) -> String {
        self.event(Msg::Client(event))
    }

    fn hear(&mut self, event: SoundEvent) -> String {
        self.event(Msg::Sound(event))
    }

    fn typed(&mut self, line: &str) -> String {
        self.effects.extend(self.prose.typed(line, self.now));
        self.said()
    }

    fn said(&mut self) -> String {
        let lines: Vec<String> = core::iter::from_fn(|| self.prose.poll()).collect();
        lines.join("\n")
    }

    /// What was asked of the world since the last look, beside older lines and what was read.
    fn asked(&mut self) -> Vec<Effect> {
        let effects = core::mem::take(&mut self.effects);
        effects.into_iter().filter(|effect| !matches!(effect, Effect::History(_) | Effect::Read(_))).collect()
    }

    fn live(&mut self) -> String {
        self.tell(Event::Joined { who: name("bob"), ssrc: Ssrc(7), plain: false })
    }
}

fn send(command: Command) -> Vec<Effect> {
    vec![Effect::Send(command)]
}

#[test]
fn the_first_run_asks_for_trust_and_for_a_name() {
    let mut story = Story::new(false, None);
    assert!(!story.prose.takes_line(), "a script waits");
    let said = story.tell(Event::ServerKeyUnknown(Fingerprint([1; 32])));
    assert!(said.contains("SHA256:") && said.contains("Type yes to trust it"), "{said}");
    assert_eq!(story.prose.prompt(), "yes or no> ");
    assert_eq!(story.typed("bob"), "Type yes or no first.");
    assert_eq!(story.asked(), []);
    story.typed("yes");
    assert_eq!(story.asked(), send(Command::TrustServer));
    let said = story.tell(Event::NameWanted);
    assert!(said.contains("An empty line takes alice"), "{said}");
    assert!(story.typed("b b").contains("Choose another name"));
    assert_eq!(story.asked(), []);
    story.typed("");
    assert_eq!(story.asked(), send(Command::Join(name("alice"))));
    let wait = || Event::Refused { of: Matter::Login, why: Why::TooFast, text: Safe::line("wait a minute") };
    assert_eq!(story.tell(wait()), "The server does not let you in yet: wait a minute. It is asked again.");
    assert_eq!(story.tell(wait()), "", "once");
    let said = story.tell(Event::LoginRefused { why: Why::NameTaken, text: Safe::line("alice is taken") });
    assert!(said.starts_with("The server does not let you in: alice is taken"), "{said}");
    assert!(said.contains("Which name do you want there?"), "nothing else asks again: {said}");
    story.typed("alice2");
    assert_eq!(story.asked(), send(Command::Join(name("alice2"))));
    assert_eq!(story.tell(Event::LoggedIn(name("alice2"))), "You are alice2 at home.example.");
}

#[test]
fn a_key_that_is_not_trusted_is_the_end() {
    let mut story = Story::new(false, Some("bob"));
    story.tell(Event::ServerKeyUnknown(Fingerprint([1; 32])));
    assert_eq!(story.typed("no"), "Nothing was sent there.");
    assert_eq!(story.asked(), [Effect::Quit]);
    assert!(story.prose.is_refused());
    let mut story = Story::new(false, Some("bob"));
    story.tell(Event::NameWanted);
    assert_eq!(story.asked(), send(Command::Join(name("bob"))), "a name that was given is not asked for");
}

#[test]
fn a_call_from_the_ring_to_its_end() {
    let mut story = Story::friends();
    let ring = Event::Incoming { from: name("bob"), others: vec![], guests: vec![], plain: false };
    assert_eq!(story.tell(ring), "bob is calling: type /answer, or /decline.");
    assert_eq!(story.asked(), [Effect::Bell]);
    story.tell(Event::Contact(contact("erin", Standing::Mutual, Presence::Online)));
    assert_eq!(story.asked(), [], "the bell rings once");
    assert!(story.typed("/call carol").contains("/answer or /decline that call first"));
    story.typed("/an");
    assert_eq!(story.asked(), send(Command::Answer));
    let said = story.live();
    assert_eq!(said, "In the call with bob, end-to-end encrypted. You are heard; /hangup ends it.");
    assert_eq!(story.prose.prompt(), "bob> ");
    assert_eq!(story.typed("/mute"), "You are muted.");
    assert_eq!(story.asked(), [Effect::Sound(SoundCommand::Mute(true))]);
    assert_eq!(story.typed("/mute on"), "You are muted.");
    assert_eq!(story.asked(), []);
    let muted = MemberState { ssrc: Ssrc(7), muted: true, recording: true, on_hold: false };
    assert_eq!(story.hear(SoundEvent::Member(muted)), "bob is muted.\nbob records this call.");
    assert_eq!(story.typed("/volume 80"), "bob is played at 80 %.");
    assert_eq!(story.asked(), [Effect::Volume { who: name("bob"), percent: 80 }]);
    assert!(story.typed("/volume bob 201").starts_with("Type /volume"));
    assert!(story.typed("/status").contains("bob is in it, played at 80 %, muted, records this call."));
    story.typed("/again");
    story.typed("/record");
    let tool = |tool| Effect::Sound(SoundCommand::Tool(tool));
    let again = tool(proto::media::ToolCommand::SayAgain(true));
    assert_eq!(story.asked(), [again, Effect::Record(Some(vec![name("bob")]))]);
    let on = ToolEvent::Recording(TapeState::On(Safe::line("/r/a.ogg")));
    assert_eq!(story.hear(SoundEvent::Tool(on)), "You record into /r/a.ogg. Everybody is told.");
    story.typed("/hangup");
    assert_eq!(story.asked(), send(Command::HangUp));
    story.now.mono += Duration::from_secs(61);
    let said = story.tell(Event::Ended { with: vec![name("bob")], reason: EndReason::HungUp });
    assert_eq!(said, "The call with bob is over. You talked 01:01.");
    assert_eq!(story.typed("/hangup"), "There is no call. /call NAME begins one.");
}

#[test]
fn several_are_called_by_their_names_and_one_without() {
    let mut story = Story::friends();
    assert_eq!(story.typed("/call"), "Type /call [NAME...].");
    story.typed("/call bo carol bob");
    assert_eq!(story.asked(), send(Command::Call(vec![name("bob"), name("carol")])));
    story.tell(Event::Ended { with: vec![], reason: EndReason::Declined });
    assert_eq!(story.typed("/to erin"), "You write to erin now.");
    story.typed("/call");
    assert_eq!(story.asked(), send(Command::Call(vec![name("erin")])));
    assert!(story.typed("/call bob").contains("/hangup ends it"));
}

#[test]
fn an_unencrypted_call_needs_a_yes() {
    let mut story = Story::friends();
    story.typed("/call gina");
    assert_eq!(story.asked(), send(Command::Call(vec![name("gina")])));
    let said = story.tell(Event::PlainUnconfirmed(vec![name("gina")]));
    assert_eq!(said, "A call with ~gina is NOT encrypted. Type yes to do it, now and later, or no.");
    assert_eq!(story.typed("no"), "Then not.");
    assert_eq!(story.asked(), []);
    story.typed("/call gina");
    story.tell(Event::PlainUnconfirmed(vec![name("gina")]));
    story.asked();
    story.typed("yes");
    let again = [Command::AllowPlain(name("gina")), Command::Call(vec![name("gina")])];
    assert_eq!(story.asked(), again.map(Effect::Send));
    let said = story.tell(Event::Joined { who: name("gina"), ssrc: Ssrc(7), plain: true });
    assert!(said.contains("NOT encrypted"), "{said}");
    assert!(story.typed("/record").contains("tell them yourself, then type /record anyway"));
    assert_eq!(story.asked(), []);
    story.typed("/record anyway");
    assert_eq!(story.asked(), [Effect::Record(Some(vec![name("gina")]))]);
}

#[test]
fn contacts_are_asked_accepted_and_removed_with_a_way_back() {
    let mut story = Story::friends();
    assert_eq!(story.typed("/add dave"), "dave is asked to be your contact.");
    assert_eq!(story.asked(), send(Command::Add(name("dave"))));
    story.tell(Event::Contact(contact("dave", Standing::Asked, Presence::Offline)));
    let waits = "dave has not accepted yet: then you can write. /remove dave takes your request back.";
    assert_eq!([story.typed("/to dave"), story.typed("/say dave hello")], [waits; 2]);
    assert_eq!(story.typed("/remove dave"), "dave is asked no more. /undo takes it back, for 10 s.");
    assert_eq!(story.typed("/undo"), "dave stays.");
    assert_eq!(story.typed("/to grace"), "grace waits for your answer: /accept grace, then you can write.");
    assert!(story.typed("/add d!").starts_with("That is no name"));
    assert_eq!(story.typed("/add dave it is alice"), "dave is asked to be your contact, with your message.");
    assert_eq!(story.asked(), send(Command::Greet { to: name("dave"), text: "it is alice".into() }));
    assert!(story.typed(&format!("/add dave {}", "x".repeat(141))).contains("140"));
    assert!(story.typed(&format!("/add dave {}", "x".repeat(600))).contains("140"));
    assert_eq!(story.asked(), []);
    assert!(story.typed("/add tincan://x").starts_with("That link cannot be read"));
    assert_eq!(story.typed("/accept"), "", "said when it is so");
    assert_eq!(story.asked(), send(Command::Accept(name("grace"))));
    let said = story.tell(Event::Contact(contact("grace", Standing::Mutual, Presence::Online)));
    assert_eq!(said, "grace is your contact now: /call grace calls them.");
    assert_eq!(story.typed("/remove bo"), "Type the whole name: bob.");
    assert_eq!(story.typed("/remove bob"), "bob is removed. /undo takes it back, for 10 s.");
    assert_eq!(story.asked(), []);
    assert_eq!(story.typed("/undo"), "bob stays.");
    story.typed("/remove carol");
    story.typed("/remove bob");
    assert_eq!(story.typed("/undo"), "bob stays. /undo takes carol back, for 10 s.");
    assert_eq!(story.typed("/undo"), "carol stays.");
    story.typed("/remove bob");
    story.now.mono += UNDO_TIME;
    assert!(story.prose.deadline().is_some_and(|due| due <= story.now.mono));
    story.event(Msg::Tick);
    assert_eq!(story.asked(), send(Command::Remove(name("bob"))));
    assert_eq!(story.typed("/undo"), "There is nothing to take back.");
}

#[test]
fn devices_are_taken_by_number_or_by_a_part_of_the_name() {
    let mut story = Story::friends();
    story.typed("/devices");
    let names = |names: &[&str]| names.iter().map(|name| Safe::line(name)).collect();
    let list =
        DeviceList { microphones: names(&["Built-in", "USB Headset"]), speakers: names(&["Built-in"]) };
    let said = story.hear(SoundEvent::Devices(list));
    assert!(said.contains("microphone 2: USB Headset") && said.contains("speaker 1: Built-in"), "{said}");
    for typed in ["/microphone 2", "/mic usb", "/micro USB Headset"] {
        story.asked();
        story.typed(typed);
        assert_eq!(story.asked(), [Effect::Sound(SoundCommand::Microphone("USB Headset".into()))], "{typed}");
    }
    story.typed("/speaker default");
    assert_eq!(story.asked(), [Effect::Sound(SoundCommand::Speaker("default".into()))]);
    assert!(story.typed("/speaker 3").contains("no device of that number"));
    story.asked();
    assert_eq!(story.typed("/ring built"), "Calls ring on Built-in now.");
    assert_eq!(story.prose.model.settings.preferences.ears.ring.as_deref(), Some("Built-in"));
    let elsewhere = Msg::RingsElsewhere { wanted: Safe::line("Built-in"), instead: None };
    assert_eq!(story.event(elsewhere), "The ring device Built-in is not there: no sound rings.");
    assert_eq!(story.typed("/ring speaker"), "Calls ring on the speaker.");
    assert_eq!(story.prose.model.settings.preferences.ears.ring, None);
    assert_eq!(story.asked(), [], "the call is heard where it was");
    let why = Safe::line("it is unplugged");
    let said = story.hear(SoundEvent::Microphone(HalfState::Failed { why }));
    assert!(said.contains("no microphone: it is unplugged") && said.contains("/devices"), "{said}");
    assert!(said.contains("with the other half"), "{said}");
    let why = Safe::line("it is unplugged");
    let said = story.hear(SoundEvent::Speaker(HalfState::Failed { why }));
    assert!(said.contains("in silence until one works"), "{said}");
}

#[test]
fn help_finds_a_word() {
    let mut story = Story::friends();
    assert_eq!(story.typed("/help volume"), "/volume [NAME] PERCENT: how loud they are played, 0 to 200");
    assert!(story.typed("/help").lines().count() > commands::TABLE.len());
    assert!(story.typed("/help zzz").contains("/help lists all"));
}

#[test]
fn nothing_is_said_twice_and_nothing_by_itself() {
    let mut story = Story::friends();
    let trouble = || Msg::Trouble(Safe::line("the server cannot be reached"));
    assert_eq!(story.event(trouble()), "No connection: the server cannot be reached.");
    assert_eq!(story.event(trouble()), "");
    assert_eq!(story.tell(Event::LoggedIn(name("alice"))), "The server is back.");
    let online = || contact("bob", Standing::Mutual, Presence::InCall);
    assert_eq!(story.tell(Event::Contact(online())), "");
    let open = || HalfState::Open { name: Safe::line("USB"), opened_in: Duration::ZERO, wanted: None };
    assert_eq!(story.hear(SoundEvent::Speaker(open())), "The speaker is USB.");
    assert_eq!(story.hear(SoundEvent::Speaker(open())), "");
    story.live();
    assert_eq!(story.prose.deadline(), None, "a call wakes nobody");
    story.now.mono += Duration::from_secs(600);
    assert_eq!(story.event(Msg::Tick), "");
}

#[test]
fn a_device_that_is_not_there_is_said_each_time_it_is_chosen() {
    let mut story = Story::friends();
    let half = || {
        let (name, wanted) = (Safe::line("Built-in"), Some(Safe::line("Typo")));
        SoundEvent::Microphone(HalfState::Open { name, opened_in: Duration::ZERO, wanted })
    };
    for _ in 0..2 {
        assert_eq!(story.hear(half()), "The microphone Typo is not there: Built-in is used instead.");
    }
    assert!(story.typed("/status").contains("The microphone Typo is not there: Built-in is used instead."));
    let refused = SoundEvent::Refused(Safe::line("the sound is tone"));
    assert_eq!(story.hear(refused), "That cannot be: the sound is tone.");
}

#[test]
fn the_first_run_opens_no_microphone_where_no_level_can_be_shown() {
    let mut story = Story::new(false, Some("alice"));
    story.tell(Event::Link(LinkState::Online));
    story.tell(Event::NameWanted);
    story.tell(Event::LoggedIn(name("alice")));
    assert!(!story.effects.iter().any(|effect| matches!(effect, Effect::Listen(_))), "{:?}", story.effects);
}

#[test]
fn a_part_of_a_name_that_several_devices_have_is_none() {
    let mut story = Story::friends();
    let names = ["USB Headset", "USB Webcam"].map(Safe::line);
    story.hear(SoundEvent::Devices(DeviceList { microphones: names.to_vec(), speakers: Vec::new() }));
    assert!(story.typed("/microphone usb").contains("Several devices have usb in their names"));
    story.typed("/microphone webcam");
    assert!(story.effects.contains(&Effect::Sound(SoundCommand::Microphone("USB Webcam".into()))));
}

#[test]
fn a_request_says_what_came_with_it() {
    let mut story = Story::friends();
    let ask = "grace asks to be your contact: type /accept grace, or /reject grace.";
    assert_eq!(story.typed("/requests"), ask);
    let greeting = Some(Safe::line("we met at the harbour"));
    let asking = ContactInfo { greeting, ..contact("grace", Standing::Asking, Presence::Online) };
    story.tell(Event::Contact(asking));
    let from = name("grace");
    let told = story.tell(Event::Greeting { from, text: Safe::line("we met at the harbour") });
    assert_eq!(told, "grace says with the request: we met at the harbour");
    assert_eq!(story.typed("/requests"), format!("{ask} They say: we met at the harbour"));
    story.tell(Event::Contact(contact("grace", Standing::Mutual, Presence::Online)));
    assert_eq!(story.typed("/requests"), "Nobody asks to be your contact.");
}

/// Every event there is, with a hostile text wherever there is a text.
fn events(evil: &str) -> Vec<Event> {
    let (bob, text) = (|| name("bob"), || Safe::line(evil));
    let info = ContactInfo {
        principal: Principal::Guest(bob()),
        ..contact("bob", Standing::Mutual, Presence::Offline)
    };
    let mut events = vec![
        Event::Link(LinkState::Online),
        Event::Link(LinkState::Away { retry_in: Duration::from_secs(9) }),
        Event::LoginRefused { why: Why::Other, text: text() },
        Event::Refused { of: Matter::Call, why: Why::Other, text: text() },
        Event::Contact(info),
        Event::Request(bob()),
        Event::Greeting { from: bob(), text: text() },
        Event::Requested(bob()),
        Event::Accepted(bob()),
        Event::Rejected(bob()),
        Event::Ringing(bob()),
        Event::Heard(bob()),
        Event::Gone(bob()),
        Event::IdentityChanged(bob()),
        Event::Calling { to: vec![bob()], plain: true },
        Event::Parted { who: bob(), reason: EndReason::Lost },
        Event::PlainUnconfirmed(vec![bob()]),
        Event::MessageState { to: bob(), id: MsgId([1; 16]), state: MessageState::Failed(Why::Other) },
        Event::Incoming { from: bob(), others: vec![name("carol")], guests: vec![bob()], plain: true },
        Event::Joined { who: bob(), ssrc: Ssrc(1), plain: true },
        Event::ServerKeyUnknown(Fingerprint([2; 32])),
        Event::NameWanted,
    ];
    events.extend(END_REASONS.map(|reason| Event::Ended { with: vec![bob()], reason }));
    events
}

/// A name, and then a colon, is how a text begins: no line of the program may look so, whatever others put into it.
#[test]
fn no_line_of_the_program_can_be_taken_for_a_text_or_names_a_key() {
    let keys: Vec<&str> =
        KEYS.iter().flat_map(|row| row.shown.split(" or ")).filter(|key| key.contains('^')).collect();
    for event in events("bob: \u{1b}]0;x\u{7}\ncarol: hi") {
        let mut story = Story::friends();
        let said = story.tell(event.clone());
        for line in said.lines() {
            let first = line.split(' ').next().unwrap_or_default();
            assert!(!first.ends_with(':'), "{event:?} is said as {line:?}");
            assert!(!line.chars().any(char::is_control), "{line:?}");
            assert!(!keys.iter().any(|key| line.contains(key)), "{line:?} names a key");
            assert!(!line.contains("press") && !line.contains(" c."), "{line:?} names a key");
        }
    }
}

proptest! {
    #[test]
    fn texts_of_others_are_theirs_line_by_line(text in "\\PC{0,40}(\n|\r|\u{1b}\\[2J|\u{9b}1m|\u{202e}){0,3}\\PC{0,40}") {
        let mut story = Story::friends();
        let text = Safe::text(&text, 4000);
        let said = story.tell(Event::Said { from: name("bob"), id: MsgId([9; 16]), sent: Wall(0), text });
        for line in said.lines() {
            prop_assert!(line.starts_with("bob: "), "{line:?}");
            prop_assert!(!line.chars().any(char::is_control));
        }
    }

    #[test]
    fn whatever_is_typed_is_survived(lines in prop::collection::vec("/?(answer|call|volume|mute|undo|remove|yes|bob|[0-9 ]|\\PC){0,6}", 1..12)) {
        let mut story = Story::friends();
        for line in lines {
            story.typed(&line);
            story.live();
        }
    }
}

#[test]
fn people_are_named_and_put_first_by_lines() {
    let mut story = Story::friends();
    assert_eq!(story.typed("/rename bob carol"), "carol is called so already.");
    assert_eq!(story.typed("/rename bob Bobby B"), "Bobby B is what you call bob now; nobody else sees it.");
    assert_eq!(story.typed("/favourite erin"), "erin comes first now.");
    let kept = story.effects.iter().filter(|effect| matches!(effect, Effect::Keep(..)));
    assert_eq!(kept.count(), 2);
    assert_eq!(story.typed("/rename bob"), "bob goes by their own name.");
}

/// Lines come whatever is so; what rings beside them does not.
#[test]
fn nobody_is_disturbed_who_does_not_want_it() {
    let mut story = Story::friends();
    story.prose.model.settings.notify.command = vec!["tell".to_owned()];
    let text = |story: &mut Story, id: u8| {
        story.now.mono += Duration::from_secs(3);
        let said = Event::Said {
            from: name("bob"),
            id: MsgId([id; 16]),
            sent: Wall(0),
            text: Safe::line("are you there?"),
        };
        assert_eq!(story.tell(said), "bob: are you there?");
        story.asked()
    };
    let told = |asked: &[Effect]| asked.iter().filter(|one| matches!(one, Effect::Alert(_))).count();
    let asked = text(&mut story, 1);
    assert!(asked.contains(&Effect::Bell) && told(&asked) == 1, "{asked:?}");
    assert_eq!(story.typed("/dnd"), "Do not disturb: nothing rings, calls neither.");
    assert_eq!(story.typed("/dnd on"), "Do not disturb: nothing rings, calls neither.");
    assert!(story.typed("/status").contains("Do not disturb: nothing rings"));
    assert_eq!(text(&mut story, 2), []);
    let ring = Event::Incoming { from: name("bob"), others: vec![], guests: vec![], plain: false };
    assert_eq!(story.tell(ring), "bob is calling: type /answer, or /decline.");
    assert_eq!(story.asked(), []);
    assert_eq!(story.typed("/dnd maybe"), "Type /dnd [on|off].");
    assert_eq!(story.typed("/dnd off"), "You are told of calls and texts again.");
    story.prose.model.settings.notify.bell = false;
    let asked = text(&mut story, 3);
    assert!(!asked.contains(&Effect::Bell) && told(&asked) == 1, "{asked:?}");
}

#[test]
fn a_changed_server_key_is_told_with_the_way_on_that_there_is() {
    let (pinned, shown) = (Fingerprint([1; 32]), Fingerprint([2; 32]));
    let said = Story::new(false, None).tell(Event::ServerKeyChanged { pinned, shown });
    assert!(said.contains(&format!("--pin {} to trust it", shown.openssh())), "{said}");
}
