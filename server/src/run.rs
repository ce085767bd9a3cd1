//! THE loop of signalling: wait, read, decide, commit, then speak.

use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use anyhow::{Result, anyhow};
use proto::hub::{Hub, Input, Output};
use proto::{Now, Time, earliest};

use crate::clock::Clock;
use crate::complaint::Complaint;
use crate::doors::Doors;
use crate::relay::RelayThread;
use crate::stats::{Place, Stats};
use crate::store::Sqlite;

/// What other threads want of the loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Say goodbye to everybody and end.
    Leave,
    /// The relay is gone, and with it all voice.
    RelayFailed,
}

/// Everything the loop works with.
pub(crate) struct House {
    pub(crate) hub: Hub,
    pub(crate) doors: Doors,
    pub(crate) store: Sqlite,
    pub(crate) relay: RelayThread,
    pub(crate) orders: Receiver<Order>,
    pub(crate) clock: Clock,
    pub(crate) stats: Stats,
    /// About as many accounts as there may be.
    pub(crate) full: Complaint,
}

impl House {
    /// Serves until told to leave.
    ///
    /// # Errors
    /// When the store, the poll or the relay failed: what stops the house.
    pub(crate) fn run(mut self) -> Result<()> {
        let mut leave_by = None;
        loop {
            self.doors.wait(earliest(self.hub.deadline(), leave_by), self.clock.now().mono)?;
            let now = self.clock.now();
            self.store.look(now.mono);
            self.doors.begin(now.mono);
            while let Some(input) = self.doors.next_input(now.mono) {
                self.hub.handle(input, now, &mut self.store);
                drain(&mut self, now)?;
            }
            self.on_time(now)?;
            self.on_orders(now, &mut leave_by)?;
            self.store.commit()?;
            self.doors.flush();
            self.doors.end();
            if leave_by.is_some_and(|by| self.doors.is_empty() || now.mono >= by) {
                return self.relay.stop();
            }
        }
    }

    fn on_time(&mut self, now: Now) -> Result<()> {
        self.doors.expire(now.mono);
        if self.hub.deadline().is_some_and(|at| at <= now.mono) {
            self.hub.handle(Input::Timeout, now, &mut self.store);
            drain(self, now)?;
        }
        Ok(())
    }

    fn on_orders(&mut self, now: Now, leave_by: &mut Option<Time>) -> Result<()> {
        match self.orders.try_recv() {
            Err(TryRecvError::Empty) => return Ok(()),
            Ok(Order::RelayFailed) => return Err(anyhow!("voice cannot be forwarded any more")),
            // Nobody is left to tell us to leave.
            Ok(Order::Leave) | Err(TryRecvError::Disconnected) => {}
        }
        if leave_by.is_none() {
            *leave_by = Some(now.mono + LEAVE_TIME_MAX);
            self.doors.shut();
            self.hub.handle(Input::Leave { retry: RETRY_AFTER_LEAVE }, now, &mut self.store);
            drain(self, now)?;
            self.doors.part_all(now.mono);
        }
        Ok(())
    }
}

fn drain(house: &mut House, now: Now) -> Result<()> {
    let House { hub, doors, relay, stats, full, .. } = house;
    while let Some(output) = hub.poll() {
        match output {
            Output::Stream(conn, bytes) => doors.say(conn, &bytes),
            Output::Close(conn, why) => doors.close(conn, why, now.mono),
            Output::Admitted(conn) => doors.admit(conn),
            Output::AccountsFull if full.is_due(now.mono) => tracing::warn!(
                "somebody new was turned away: there are as many accounts as accounts below [limits] lets there be; \
                 raise it in the settings and start again (said at most once an hour)"
            ),
            Output::AccountsFull => {}
            Output::Relay(change) => relay.tell(change)?,
            Output::Drop(why) => stats.drop(Place::Stream, why),
        }
    }
    Ok(())
}

/// Goodbyes that are not read within this are not waited for: the whole end has five seconds.
const LEAVE_TIME_MAX: Duration = Duration::from_secs(3);
/// What clients spread their return over: a restart takes less than a second.
const RETRY_AFTER_LEAVE: Duration = Duration::from_secs(1);
