//! What rings on the speaker, or on the device that was chosen for it, as the model wants it: one ring at a time, on a
//! thread of the audio crate's.

use std::sync::Arc;

use audio::bell::Tune;
use audio::ringer::{Place, Ringer as Sounding};
use mio::Waker;

use crate::app::Msg;
use crate::app::preferences::Ears;
use crate::app::ring::Ring;
use crate::hearing;

/// What rings now.
#[derive(Debug)]
pub struct Ringer {
    waker: Arc<Waker>,
    sounding: Option<Sounding>,
}

impl Ringer {
    /// Silent; `waker` is woken when there is something to take.
    pub fn new(waker: Arc<Waker>) -> Self {
        Self { waker, sounding: None }
    }

    /// Lets this ring, or nothing. What rang before is silent at once.
    pub fn ring(&mut self, wanted: Option<(Ring, Ears)>) {
        self.sounding = None;
        let Some((ring, ears)) = wanted else { return };
        // Devices that cannot be meant are said where they are opened for a call.
        let Ok(choice) = hearing::choice(&ears) else { return };
        let (tune, own) = match ring {
            Ring::Incoming => (Tune::Incoming, ears.ring),
            // Whoever calls has the speaker of calls at the ear.
            Ring::Ringback => (Tune::Ringback, None),
        };
        match Sounding::start(&Place { choice, own }, tune, Arc::clone(&self.waker)) {
            Ok(sounding) => self.sounding = Some(sounding),
            Err(why) => tracing::warn!(%why, "nothing can ring"),
        }
    }

    /// That the device that was chosen for it is not there.
    pub fn poll(&self) -> Option<Msg> {
        let absent = self.sounding.as_ref()?.poll()?;
        Some(Msg::RingsElsewhere { wanted: absent.wanted, instead: absent.instead })
    }
}
