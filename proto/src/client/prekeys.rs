//! What we publish for others to begin sessions with: 303 at each login, when many were used, and now and then, so that
//! keys that were there for long are replaced.

use crate::client::{Asked, Client};
use crate::limits::{PREKEYS_AGAIN_AFTER, PREKEYS_RENEW_AFTER};
use crate::time::{Now, Time};
use crate::wire::record::Prekeys;
use crate::wire::request::Request;

impl Client {
    /// When the next 303 of this connection is due by the clock.
    pub(super) fn prekeys_deadline(&self) -> Option<Time> {
        self.login.is_in().then(|| self.prekeys_told + PREKEYS_AGAIN_AFTER)
    }

    pub(super) fn prekeys_are_due(&self, now: Time) -> bool {
        self.prekeys_deadline().is_some_and(|due| due <= now || self.prekeys_used >= PREKEYS_RENEW_AFTER)
    }

    /// 303
    pub(super) fn publish_prekeys(&mut self, now: Now) {
        (self.prekeys_used, self.prekeys_told) = (0, now.mono);
        self.ratchet.age(now.wall);
        let (one_time, fallback) = self.ratchet.prekeys();
        self.save_ratchet();
        self.send(Request::Prekeys(Prekeys { one_time, fallback }), Asked::Quiet);
    }
}
