//! What happens to the people of the world: crashes, weather, whims, the villain, and the calm at the end.

use core::time::Duration;

use proto::Rng;
use proto::client::Command;

use super::net::{Weather, chance};
use super::user::{Chair, greeting};
use super::{Event, Owner, World};

impl World {
    pub(super) fn crash_user(&mut self, i: usize) {
        let back = self.clock + Duration::from_millis(100 + self.fate.below(5_000));
        if let Some(conn) = self.users[i].crash(back) {
            self.forget_conn(conn);
        }
        self.oracle.crashed(i);
    }

    pub(super) fn fate_strikes(&mut self) {
        self.next_fate = self.clock + Duration::from_secs(1);
        if chance(&mut self.fate, 500) {
            self.weather = Weather::draw(&mut self.weather_rng);
        }
        for i in 0..self.users.len() {
            if chance(&mut self.fate, self.weather.breaks)
                && let Some(conn) = self.users[i].machine.as_ref().and_then(|m| m.conn)
            {
                let later = self.clock + Duration::from_millis(self.fate.below(2_000));
                self.push(later, Event::ServerSees(conn));
                self.push(self.clock, Event::UserSees(conn));
            }
        }
        if self.plan.crashes && chance(&mut self.fate, 100) {
            self.server_dies();
        }
        if self.plan.crashes && chance(&mut self.fate, 100) {
            let i = self.fate.below(self.users.len() as u64) as usize;
            self.crash_user(i);
        }
    }

    /// One person does one thing.
    pub(super) fn whim(&mut self, i: usize) {
        let now = self.now();
        let names: Vec<_> = self.users.iter().map(|u| u.name.clone()).collect();
        let user = &mut self.users[i];
        user.next_whim = self.clock + Duration::from_millis(300 + user.whim.below(3_000));
        if self.calm || !self.plan.whims {
            user.next_whim = self.clock + Duration::from_secs(3_600);
        }
        if !self.plan.whims {
            return;
        }
        let Some(m) = &user.machine else { return };
        let (chair, friends, requests) = (m.chair.clone(), m.friends.clone(), m.requests.clone());
        let other = names[user.whim.below(names.len() as u64) as usize].clone();
        let friend = pick(&mut user.whim, &friends);
        let dice = user.whim.below(100);
        let command = match (dice, chair, friend) {
            (0..=44, Chair::Ringing(_), _) => Some(Command::Answer),
            (45..=54, Chair::Ringing(_), _) => Some(Command::Decline),
            (0..=7, Chair::Placing(_) | Chair::Live(_) | Chair::Answered(_), _) => Some(Command::HangUp),
            (10..=19, Chair::Idle, Some(friend)) => {
                let mut called = vec![friend];
                for _ in 0..user.whim.below(3) {
                    called.extend(pick(&mut user.whim, &friends).filter(|more| !called.contains(more)));
                }
                Some(Command::Call(called))
            }
            (20..=59, _, Some(friend)) => {
                user.say(friend, now);
                None
            }
            (60..=61, _, Some(friend)) => Some(Command::Remove(friend)),
            (62..=64, _, _) => pick(&mut user.whim, &requests).map(Command::Reject),
            (65..=79, _, _) => pick(&mut user.whim, &requests).map(Command::Accept),
            (80..=94, _, _) => Some(Command::Greet { to: other, text: greeting(&self.users[i].name) }),
            _ => None,
        };
        if let Some(command) = command {
            if let Command::Remove(name) = &command {
                self.oracle.removed(i, name);
            }
            self.command(i, command);
        }
    }

    pub(super) fn villain_acts(&mut self) {
        let now = self.clock;
        for (from, bytes) in self.villain.datagrams(now, self.users.len()) {
            self.push(now, Event::ToRelay(from, bytes));
        }
        for (user, from, bytes) in self.villain.at_users(self.users.len()) {
            self.push(now, Event::ToUser(user, from, bytes));
        }
        let conn = self.new_conn(Owner::Villain);
        self.push(now, Event::Arrive(conn));
        let junk = self.villain.stream();
        self.push(now, Event::Up(conn, junk));
        self.push(now + Duration::from_secs(5), Event::ServerSees(conn));
    }

    /// The troubles end: clear weather, everybody up, every call hung up.
    pub(super) fn clear_up(&mut self) {
        self.calm = true;
        self.weather = Weather::CLEAR;
        if self.server.is_none() && !self.queue.values().any(|e| matches!(e, Event::ServerBack)) {
            self.server_start();
        }
        self.run_until(self.clock + Duration::from_secs(40));
        for i in 0..self.users.len() {
            self.tell(i, Command::HangUp);
        }
    }

    pub(super) fn everybody_leaves(&mut self) {
        for i in 0..self.users.len() {
            self.crash_user(i);
            self.users[i].restart = None;
        }
        for i in 0..self.guests.len() {
            self.guest_leaves(i);
        }
    }
}

fn pick<T: Clone>(rng: &mut Rng, of: &[T]) -> Option<T> {
    of.get(rng.below(of.len() as u64) as usize).cloned()
}
