//! Stories of scripts: what a line waits for, and how it went.

use super::*;

#[test]
fn a_script_waits_for_its_contacts_and_for_what_it_asked_for() {
    let mut story = Story::new(true, None);
    story.tell(Event::LoggedIn(name("alice")));
    assert!(!story.prose.takes_line(), "nobody it names is known yet");
    story.tell(Event::Contacts(Vec::new()));
    assert!(story.prose.takes_line());
    let link = Event::Invite("tincan://home.example/x".to_owned());
    let devices = SoundEvent::Devices(DeviceList::default());
    for line in ["/link", "/devices", "/add dave", "/add dave"] {
        story.typed(line);
        assert!(story.prose.is_waiting(), "{line}");
    }
    story.hear(devices);
    story.tell(Event::Requested(name("erin")));
    story.tell(Event::Contact(contact("dave", Standing::Asked, Presence::Offline)));
    story.tell(link);
    assert!(story.prose.is_waiting(), "the second was not answered");
    assert_eq!(story.prose.outcome(), Exit::Failed);
    assert_eq!(story.said(), "Not everything that was asked for was answered in time.");
    let refused = |of| Event::Refused { of, why: Why::Already, text: Safe::line("no") };
    story.tell(refused(Matter::Contact(name("erin"))));
    story.tell(refused(Matter::Call));
    assert!(story.prose.is_waiting(), "neither was about what is waited for");
    story.tell(refused(Matter::Contact(name("dave"))));
    assert!(!story.prose.is_waiting());
    assert_eq!(story.prose.outcome(), Exit::Ok);
}

#[test]
fn a_script_without_a_login_did_not_go_well() {
    let mut story = Story::new(false, None);
    story.tell(Event::ServerKeyUnknown(Fingerprint([1; 32])));
    assert_eq!(story.prose.outcome(), Exit::Refused);
    assert!(story.said().contains("--pin"));
    story.typed("yes");
    story.tell(Event::NameWanted);
    assert_eq!(story.prose.outcome(), Exit::Usage);
    assert!(story.said().contains("--name NAME"));
}

#[test]
fn what_becomes_of_a_wish_is_said_when_it_is_known_and_waited_for() {
    let mut story = Story::friends();
    story.typed("/verify bob");
    assert!(!story.prose.is_waiting(), "there is no call: nothing more comes");
    assert_eq!(story.typed("/match bob"), "");
    assert!(story.prose.is_waiting());
    let bob = contact("bob", Standing::Mutual, Presence::Online);
    let verified = ContactInfo { verified: Some(Wall(9)), ..bob.clone() };
    assert_eq!(story.tell(Event::Contact(verified.clone())), "bob is verified: this key is theirs.");
    assert!(!story.prose.is_waiting());
    assert_eq!(story.tell(Event::Contact(verified)), "");
    assert_eq!(story.typed("/differ bob"), "");
    let differs = ContactInfo { differs: true, blocked: true, ..bob };
    assert!(story.tell(Event::Contact(differs)).starts_with("bob is not who they seem"));
    assert_eq!(story.typed("/block erin"), "");
    let (of, text) = (Matter::Ban(name("erin")), Safe::line("cannot block erin: too many are"));
    let refused = Event::Refused { of, why: Why::Limit, text };
    assert_eq!(story.tell(refused), "It was refused: cannot block erin: too many are");
    assert!(!story.prose.is_waiting());
    let ban = Banned {
        principal: contact("erin", Standing::Mutual, Presence::Offline).principal,
        name: name("erin"),
        since: Wall(0),
    };
    story.typed("/block erin");
    let said = story.tell(Event::Banned(vec![ban.clone()]));
    assert_eq!(said, "erin is blocked: no requests, texts or calls. /unblock erin lets them in again.");
    story.typed("/blocked");
    assert!(story.tell(Event::Banned(vec![ban])).starts_with("Blocked: erin, SHA256:"));
    assert_eq!(story.typed("/unblock erin"), "");
    let said = story.tell(Event::Banned(Vec::new()));
    assert_eq!(said, "erin is blocked no longer. They are no contact until one of you asks.");
    assert!(!story.prose.is_waiting());
}
