//! What rings on the speaker: a call that comes in, and one of ours that rings elsewhere. Of the bell of the terminal
//! and of notifications `notify` knows; this is sound, and follows what is so: whatever ends a ring ends its sound.

use proto::Safe;
use proto::media::processing::Wish;

use super::call::Phase;
use super::model::Model;
use super::msg::Effect;

/// What is rung for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ring {
    /// Somebody calls.
    Incoming,
    /// It rings where we call.
    Ringback,
}

/// Whether rings sound here. Over SSH the speaker stands where nobody sits, unless somebody says otherwise.
pub fn sounds(model: &Model) -> bool {
    match model.settings.notify.ring {
        Wish::Auto => !model.settings.remote,
        Wish::On => true,
        Wish::Off => false,
    }
}

/// What is to ring now. Who does not want to be disturbed hears no call that comes in, but still whom they call.
fn wanted(model: &Model) -> Option<Ring> {
    let call = model.call.as_ref().filter(|_| sounds(model))?;
    match &call.phase {
        Phase::Incoming(incoming) => {
            let may = !model.dnd || model.settings.notify.calls_in_dnd;
            (may && !incoming.silent).then_some(Ring::Incoming)
        }
        Phase::Placing { .. } => call.rings().then_some(Ring::Ringback),
        Phase::Answering(_) | Phase::Live { .. } => None,
    }
}

/// That the device that was chosen for it is not there, in a sentence.
pub fn elsewhere(wanted: &Safe, instead: Option<&Safe>) -> String {
    match instead {
        Some(instead) => format!("The ring device {wanted} is not there: it rings on {instead}."),
        None => format!("The ring device {wanted} is not there: no sound rings."),
    }
}

/// What stands for the speaker of calls among the devices that calls can ring on.
pub const AS_THE_SPEAKER: &str = "as the speaker";

/// Begins and ends what rings.
pub(super) fn follow(model: &mut Model, effects: &mut Vec<Effect>) {
    let wanted = wanted(model);
    if core::mem::replace(&mut model.ringing, wanted) != wanted {
        effects.push(Effect::Ring(wanted.map(|ring| (ring, model.settings.preferences.ears.clone()))));
    }
}
