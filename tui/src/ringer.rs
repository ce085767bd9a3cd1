//! What rings on the speaker, as the model wants it: one ring at a time, on a thread of the audio crate's.

use audio::bell::Tune;
use audio::ringer::Ringer as Sounding;

use crate::app::preferences::Ears;
use crate::app::ring::Ring;
use crate::hearing;

/// What rings now.
#[derive(Debug, Default)]
pub struct Ringer {
    sounding: Option<Sounding>,
}

impl Ringer {
    /// Lets this ring, or nothing. What rang before is silent at once.
    pub fn ring(&mut self, wanted: Option<(Ring, Ears)>) {
        self.sounding = None;
        let Some((ring, ears)) = wanted else { return };
        let tune = match ring {
            Ring::Incoming => Tune::Incoming,
            Ring::Ringback => Tune::Ringback,
        };
        // Devices that cannot be meant are said where they are opened for a call.
        let Ok(choice) = hearing::choice(&ears) else { return };
        match Sounding::start(&choice, tune) {
            Ok(sounding) => self.sounding = Some(sounding),
            Err(why) => tracing::warn!(%why, "nothing can ring"),
        }
    }
}
