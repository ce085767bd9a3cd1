//! The keys that we publish, and what is made from them: how long they live, and that nothing is read twice.

use super::*;
use crate::limits::{OLD_PREKEYS_LIFE, PREKEYS_AGAIN_AFTER, PREKEYS_LIFE};
use crate::wire::record::Prekeys;

impl Stage {
    /// Time goes on for people and machines alike, and the server still answers.
    fn later(&mut self, span: core::time::Duration) {
        self.now.mono += span;
        self.now.wall.0 += u64::try_from(span.as_millis()).unwrap();
        self.hear(&Reply::Pong);
    }

    fn published(&self) -> Vec<Prekeys> {
        let told = |r: &Request| if let Request::Prekeys(keys) = r { Some(keys.clone()) } else { None };
        self.asked.iter().filter_map(told).collect()
    }

    /// Bob begins a session with the key that anybody may be given.
    fn start_on_fallback(&mut self) {
        let keys = self.client.ratchet.keys();
        let fallback = self.client.ratchet.prekeys().1;
        self.bob.device.start(self.own_end().device, keys, &fallback.key).unwrap();
    }

    fn said(&self) -> usize {
        self.events().iter().filter(|event| matches!(event, Event::Said { .. })).count()
    }
}

fn text() -> Body {
    Body::Text("lend me 100, please".into())
}

#[test]
fn an_old_text_is_not_shown_again_when_its_sender_is_a_contact_anew() {
    let mut stage = Stage::logged_in();
    stage.befriend();
    stage.hear_list();
    stage.start_on_fallback();
    let mail = stage.envelope(1, text());
    let mail = stage.mail(&mail);
    stage.hear(&Reply::Mail(mail.clone()));
    assert_eq!(stage.said(), 1);
    // Removed and added again, or a server that says so.
    let gone = stage.bob.contact(Standing::None);
    stage.hear(&Reply::Contact(Box::new(gone)));
    stage.befriend();
    stage.hear_list();
    stage.forget();
    stage.hear(&Reply::Mail(mail));
    assert_eq!((stage.said(), stage.drops()), (0, vec![Drop::Forged]));
    assert!(!stage.asked.iter().any(|r| matches!(r, Request::Mail(_))), "nor is it receipted");
    // What bob says now is read.
    stage.start_on_fallback();
    let mail = stage.envelope(2, text());
    let mail = stage.mail(&mail);
    stage.hear(&Reply::Mail(mail));
    assert_eq!(stage.said(), 1);
}

#[test]
fn an_old_greeting_is_not_shown_in_a_later_request() {
    let mut stage = Stage::logged_in();
    let greeting = |stage: &mut Stage, msg| {
        stage.start_on_fallback();
        let envelope = stage.envelope(msg, Body::Greeting("it is bob".into()));
        stage.mail(&envelope)
    };
    let ask = |stage: &mut Stage| {
        let asking = stage.bob.contact(Standing::Asking);
        stage.hear(&Reply::Contact(Box::new(asking)));
    };
    let hear = |stage: &mut Stage, mail: &MailFrom| {
        stage.hear(&Reply::Mail(mail.clone()));
        let list = stage.bob.list();
        stage.hear(&list);
        stage.events().iter().filter(|event| matches!(event, Event::Greeting { .. })).count()
    };
    ask(&mut stage);
    let mail = greeting(&mut stage, 1);
    assert_eq!(hear(&mut stage, &mail), 1);
    let gone = stage.bob.contact(Standing::None);
    stage.hear(&Reply::Contact(Box::new(gone)));
    ask(&mut stage);
    stage.forget();
    assert_eq!(hear(&mut stage, &mail), 0);
    let mail = greeting(&mut stage, 2);
    stage.hear(&Reply::Mail(mail));
    assert!(stage.events().iter().any(|event| matches!(event, Event::Greeting { .. })));
}

#[test]
fn keys_are_new_each_week_while_the_connection_lasts() {
    let mut stage = Stage::logged_in();
    stage.later(PREKEYS_AGAIN_AFTER - core::time::Duration::from_secs(1));
    assert_eq!(stage.published(), []);
    stage.later(core::time::Duration::from_secs(1));
    let first = stage.published();
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].one_time, stage.prekeys, "not due yet");
    stage.forget();
    for _ in 1..7 {
        stage.later(PREKEYS_AGAIN_AFTER);
    }
    let week = stage.published();
    assert_eq!(week.len(), 6);
    assert_eq!(week[4], first[0]);
    assert_ne!(week[5].fallback, first[0].fallback);
    assert!(week[5].one_time.iter().all(|key| !first[0].one_time.contains(key)), "taken ones come back");
    assert_eq!(stage.client.deadline().map(|due| due <= stage.now.mono), Some(false));
}

#[test]
fn what_was_sealed_to_the_keys_of_last_week_is_read_for_thirty_days() {
    let mut stage = Stage::logged_in();
    stage.befriend();
    stage.hear_list();
    stage.start_on_fallback();
    let mail = stage.envelope(1, text());
    let late = stage.mail(&mail);
    stage.start_on_fallback();
    let mail = stage.envelope(2, text());
    let too_late = stage.mail(&mail);
    stage.later(PREKEYS_LIFE);
    stage.later(OLD_PREKEYS_LIFE - PREKEYS_AGAIN_AFTER);
    stage.forget();
    stage.hear(&Reply::Mail(late));
    assert_eq!(stage.said(), 1);
    stage.later(PREKEYS_AGAIN_AFTER);
    stage.forget();
    stage.hear(&Reply::Mail(too_late));
    assert_eq!((stage.said(), stage.drops()), (0, vec![Drop::Forged]));
}
