//! Who waits for an invite: the user, or a visitor at the door, in the order in which they asked. What came of it goes
//! to whoever asked, and nothing else does: a refusal of something else is not theirs, and a lost connection answers all.

use std::collections::VecDeque;

use proto::client::{Event, LinkState, Matter};

use crate::control::{Reply, Visitor, refused};

/// Whom the next invites are for; none is the user.
#[derive(Debug, Default)]
pub(super) struct Invites(VecDeque<Option<Visitor>>);

impl Invites {
    /// Somebody asked.
    pub(super) fn ask(&mut self, who: Option<Visitor>) {
        self.0.push_back(who);
    }

    /// The visitors that an event answers, and whether it is for the user, too.
    pub(super) fn answer(&mut self, event: &Event) -> (Vec<(Visitor, Reply)>, bool) {
        let reply = if let Event::Invite(url) = event {
            Reply::Invite(url.clone())
        } else if let Event::Refused { of: Matter::Invite, text, .. } = event {
            refused("failed", text.as_str())
        } else {
            let lost = matches!(event, Event::Link(state) if *state != LinkState::Online);
            return (if lost { self.lose() } else { Vec::new() }, true);
        };
        match self.0.pop_front().flatten() {
            Some(visitor) => (vec![(visitor, reply)], false),
            None => (Vec::new(), true),
        }
    }

    fn lose(&mut self) -> Vec<(Visitor, Reply)> {
        let words = "cannot make an invite: the connection was lost; try again";
        self.0.drain(..).flatten().map(|visitor| (visitor, refused("failed", words))).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proto::Safe;
    use proto::wire::record::Why;

    use super::*;

    fn no(of: Matter, text: &str) -> Event {
        Event::Refused { of, why: Why::Other, text: Safe::line(text) }
    }

    #[test]
    fn a_link_goes_to_whoever_asked_first() {
        let mut invites = Invites::default();
        invites.ask(Some(Visitor(1)));
        invites.ask(None);
        let link = |url: &str| Event::Invite(url.to_owned());
        assert_eq!(invites.answer(&link("a")), (vec![(Visitor(1), Reply::Invite("a".into()))], false));
        assert_eq!(invites.answer(&link("b")), (vec![], true));
        assert_eq!(invites.answer(&link("c")), (vec![], true), "nobody asked");
    }

    /// That somebody cannot be added is the user's news, whoever waits for a link.
    #[test]
    fn a_refusal_of_something_else_is_not_theirs() {
        let mut invites = Invites::default();
        invites.ask(Some(Visitor(1)));
        let bob = Matter::Contact(crate::app::story::name("bob"));
        assert_eq!(invites.answer(&no(bob, "cannot add bob: nobody has that name")), (vec![], true));
        let no = no(Matter::Invite, "too many");
        assert_eq!(invites.answer(&no), (vec![(Visitor(1), refused("failed", "too many"))], false));
    }

    #[test]
    fn a_lost_connection_answers_everybody_who_waits() {
        let mut invites = Invites::default();
        invites.ask(Some(Visitor(1)));
        invites.ask(None);
        invites.ask(Some(Visitor(2)));
        let away = Event::Link(LinkState::Away { retry_in: Duration::from_secs(1) });
        let (answers, pass) = invites.answer(&away);
        assert!(pass && answers.iter().map(|(who, _)| who.0).eq([1, 2]), "{answers:?}");
        // Whoever asks next is answered, and nobody who is gone.
        invites.ask(None);
        assert_eq!(invites.answer(&Event::Invite("a".into())), (vec![], true));
    }
}
