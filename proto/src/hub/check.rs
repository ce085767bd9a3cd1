//! What must always hold, and whether anything is left.

use crate::hub::Hub;
use crate::hub::guest::{Guest, Phase};
use crate::id::ConnId;

impl Hub {
    /// Whether the tables agree with each other and keep their limits. For tests and the simulator.
    ///
    /// # Errors
    /// What is wrong, in a sentence.
    pub fn check(&self) -> Result<(), &'static str> {
        let is_seated = |(conn, guest): (&ConnId, &Guest)| match &guest.phase {
            Phase::User(user) => self.online.conn(user.device) == Some(*conn),
            Phase::Stranger { .. } => true,
        };
        if !self.guests.iter().all(is_seated) {
            return Err("a user is not where the devices are listed");
        }
        if !self.online.iter().all(|(_, conn)| self.guests.contains_key(&conn)) {
            return Err("a device without its connection");
        }
        let is_timed = |(conn, guest): (&ConnId, &Guest)| match (self.guest_timers.get(*conn), guest.due()) {
            (Some(timer), Some(due)) => timer <= due,
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !self.guests.iter().all(is_timed) || !self.guest_timers.keys().all(|c| self.guests.contains_key(c))
        {
            return Err("a guest whose timer is not its deadline");
        }
        if self.guests.values().any(|guest| guest.door.pace().is_some_and(|pace| !pace.is_sound())) {
            return Err("a plain connection's queue is beyond its limit");
        }
        if !self.slow.is_empty() {
            return Err("a connection that is too slow is still there");
        }
        if self
            .presences
            .told()
            .any(|account| !self.online.is_here(*account) && !self.presences.is_due(*account))
        {
            return Err("somebody who left is still shown as here");
        }
        let by_account = [&self.mail, &self.call_mail, &self.asks, &self.call_starts];
        let others = self.registrations.is_sound() && self.prekeys.is_sound();
        if !(by_account.iter().all(|buckets| buckets.is_sound()) && others) {
            return Err("a table of buckets is unsound");
        }
        self.rooms.check()
    }

    /// Whether nothing is kept of anybody: true when all have left and all timers ran out.
    pub fn is_idle(&self) -> bool {
        self.guests.is_empty()
            && self.guest_timers.is_empty()
            && self.online.len() == 0
            && self.presences.is_empty()
            && self.rooms.is_empty()
            && self.out.is_empty()
    }

    /// Connections, logged-in devices and calls, for the operator.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.guests.len(), self.online.len(), self.rooms.count())
    }
}
