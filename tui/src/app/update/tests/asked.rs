//! What other programs ask of the screen.

use super::*;
use crate::control::{Press, Reply, Request, Status, Switch, Visitor};

impl Story {
    /// Asks, and takes the answer apart from what else was asked of the world.
    pub(super) fn wants(&mut self, request: Request) -> (Reply, Vec<Effect>) {
        self.asked();
        self.event(Msg::Asked(Visitor(7), request));
        let (replies, effects): (Vec<_>, Vec<_>) =
            self.asked().into_iter().partition(|effect| matches!(effect, Effect::Reply(..)));
        match replies.as_slice() {
            [Effect::Reply(Visitor(7), reply)] => (reply.clone(), effects),
            other => panic!("no answer, or several: {other:?}"),
        }
    }

    pub(super) fn status(&mut self) -> Status {
        match self.wants(Request::Status) {
            (Reply::Status(status), effects) if effects.is_empty() => *status,
            other => panic!("no status: {other:?}"),
        }
    }
}

fn code(reply: &Reply) -> &'static str {
    match reply {
        Reply::Refused { code, .. } => code,
        Reply::Done(_) | Reply::Status(_) | Reply::Invite(_) => "",
    }
}

fn mute(on: bool) -> Vec<Effect> {
    vec![Effect::Sound(SoundCommand::Mute(on))]
}

#[test]
fn a_call_is_answered_muted_and_left_from_outside() {
    let mut story = Story::friends();
    assert_eq!(code(&story.wants(Request::Answer).0), "no_call");
    assert_eq!(code(&story.wants(Request::HangUp).0), "no_call");
    let plain = false;
    story.tell(Event::Incoming { from: name("bob"), others: Vec::new(), guests: Vec::new(), plain });
    let answer = story.wants(Request::Answer);
    assert_eq!(answer, (Reply::Done("answering bob".into()), vec![send(Command::Answer)]));
    assert_eq!(code(&story.wants(Request::Answer).0), "no_call", "once is enough");
    story.live();
    assert_eq!(story.wants(Request::Mute(Switch::Toggle)), (Reply::Done("muted".into()), mute(true)));
    assert_eq!(story.wants(Request::Mute(Switch::On)).0, Reply::Done("muted".into()));
    assert_eq!(story.wants(Request::Mute(Switch::Toggle)), (Reply::Done("not muted".into()), mute(false)));
    let left = story.wants(Request::HangUp);
    assert_eq!(left, (Reply::Done("hanging up on bob".into()), vec![send(Command::HangUp)]));
    assert_eq!(code(&story.wants(Request::Talk(Press::Down)).0), "no_ptt");
}

#[test]
fn what_is_being_written_does_not_go_to_whoever_is_answered_from_outside() {
    let mut story = Story::friends();
    story.keys("Tab half");
    let plain = false;
    story.tell(Event::Incoming { from: name("carol"), others: Vec::new(), guests: Vec::new(), plain });
    assert_eq!(story.wants(Request::Answer).0, Reply::Done("answering carol".into()));
    story.keys("time Enter");
    let text = "halftime".to_owned();
    assert_eq!(story.asked(), [send(Command::Say { to: name("bob"), text, echo: 0 })]);
}

#[test]
fn hanging_up_declines_what_rings() {
    let mut story = Story::friends();
    let plain = false;
    story.tell(Event::Incoming { from: name("bob"), others: Vec::new(), guests: Vec::new(), plain });
    let declined = story.wants(Request::HangUp);
    assert_eq!(declined, (Reply::Done("declining bob".into()), vec![send(Command::Decline)]));
}

#[test]
fn a_status_says_what_a_bar_wants_to_show() {
    let mut story = Story::friends();
    let status = story.status();
    assert_eq!((status.connection, status.name.as_deref()), ("online", Some("alice")));
    assert_eq!((status.call, status.unread, status.live), (None, Some(0), false));
    story.tell(Event::Said { from: name("carol"), id: MsgId([1; 16]), sent: START, text: Safe::line("hi") });
    let plain = true;
    story.tell(Event::Incoming { from: name("bob"), others: Vec::new(), guests: Vec::new(), plain });
    let status = story.status();
    assert_eq!((status.incoming.as_deref(), status.unread), (Some("bob"), Some(1)));
    let call = status.call.unwrap();
    assert_eq!((call.state, call.encrypted, call.seconds), ("incoming", false, None));
    story.wants(Request::Answer);
    story.live();
    story.wait(Duration::from_secs(65));
    let status = story.status();
    let call = status.call.unwrap();
    assert_eq!((call.state, call.with.as_slice(), call.encrypted), ("live", &["bob".to_owned()][..], true));
    assert_eq!((call.seconds, status.incoming, status.live), (Some(65), None, true));
    story.keys("^t");
    let status = story.status();
    assert!(status.muted && !status.live);
}
