//! The first login of a program without a screen: when there is no point in going on.

use proto::Safe;
use proto::client::{Event, LinkState, Matter};

use crate::exit::Exit;
use crate::limits::FIRST_TRIES_MAX;

/// How the first login goes.
#[derive(Debug, Default)]
pub struct Arrival {
    /// It was let in.
    pub logged_in: bool,
    /// Times it failed before.
    tries: u32,
    /// What the server said to that, the newest.
    refused: Option<Safe>,
}

impl Arrival {
    /// Counts what happened; true when there is no point in going on. A server that takes the connection and then
    /// says nothing is as far away as none.
    pub fn is_hopeless(&mut self, event: &Event) -> bool {
        if let Event::LoggedIn(_) = event {
            (self.logged_in, self.refused) = (true, None);
        }
        if let Event::Refused { of: Matter::Login, text, .. } = event {
            self.refused = Some(text.clone());
        }
        self.tries += u32::from(matches!(event, Event::Link(LinkState::Away { .. })));
        !self.logged_in && self.tries >= FIRST_TRIES_MAX
    }

    /// Why the server did not let us in, in its own words; none when it said nothing.
    pub fn refused(&self) -> Option<&str> {
        self.refused.as_ref().map(Safe::as_str)
    }

    /// What it is given up with: one that refuses is there.
    pub fn exit(&self) -> Exit {
        if self.refused.is_some() { Exit::Refused } else { Exit::Unreachable }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::id::Name;

    #[test]
    fn a_server_that_never_lets_us_in_is_given_up_and_one_that_did_is_not() {
        let away = Event::Link(LinkState::Away { retry_in: std::time::Duration::ZERO });
        let mut arrival = Arrival::default();
        let hopeless: Vec<bool> = (0..FIRST_TRIES_MAX).map(|_| arrival.is_hopeless(&away)).collect();
        assert_eq!(hopeless.iter().position(|h| *h), hopeless.len().checked_sub(1));
        assert_eq!((arrival.exit(), arrival.refused()), (Exit::Unreachable, None));
        let text = Safe::line("too many new accounts");
        let refused = Event::Refused { of: Matter::Login, why: proto::wire::record::Why::TooFast, text };
        arrival.is_hopeless(&refused);
        assert_eq!((arrival.exit(), arrival.refused()), (Exit::Refused, Some("too many new accounts")));
        let mut arrival = Arrival::default();
        assert!(!arrival.is_hopeless(&Event::LoggedIn(Name::parse("bob").unwrap())));
        assert!((0..99).all(|_| !arrival.is_hopeless(&away)));
    }
}
