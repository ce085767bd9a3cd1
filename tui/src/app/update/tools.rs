//! What the keys of the tools do, and what the tools tell.

use proto::id::Name;
use proto::media::{SoundCommand, TapeState, ToolCommand, ToolEvent};

use super::super::call::Phase;
use super::super::model::Model;
use super::super::msg::Effect;
use super::super::tools::{ANYWAY_TIME, who_is_told};
use super::notice;

/// Says the last ten seconds again, or stops that.
pub(super) fn say_again(model: &mut Model, wanted: bool, effects: &mut Vec<Effect>) {
    if is_live(model) {
        effects.push(Effect::Sound(SoundCommand::Tool(ToolCommand::SayAgain(wanted))));
    }
}

/// Begins to keep the call, or ends that. The plain protocols have no word for it: there a second key is asked for.
pub(super) fn record(model: &mut Model, effects: &mut Vec<Effect>) {
    if model.tools.recording {
        effects.push(Effect::Record(None));
        return;
    }
    let (now, live) = (model.now.mono, is_live(model));
    let Some(call) = model.call.as_ref().filter(|_| live) else {
        return notice(model, "There is nothing to record yet.");
    };
    let asked = model.tools.anyway_until.take().is_some_and(|until| now < until);
    if call.plain && !asked {
        model.tools.anyway_until = Some(now + ANYWAY_TIME);
        let words = "Their program cannot show that you record: tell them yourself. R again records.";
        return notice(model, words);
    }
    let with: Vec<Name> = call.names().into_iter().cloned().collect();
    effects.push(Effect::Record(Some(with)));
}

fn is_live(model: &Model) -> bool {
    model.call.as_ref().is_some_and(|call| matches!(call.phase, Phase::Live { .. }))
}

/// Something is told.
pub(super) fn told(model: &mut Model, event: ToolEvent) {
    match event {
        ToolEvent::SayingAgain(on) => {
            if on {
                notice(model, "The last ten seconds, once more: Esc stops, the call goes on softly.");
            } else if model.tools.saying_again {
                notice(model, "Back in the call.");
            } else {
                notice(model, "Nothing was heard yet.");
            }
            model.tools.saying_again = on;
        }
        ToolEvent::Recording(state) => {
            model.tools.recording = matches!(state, TapeState::On(_));
            match state {
                TapeState::On(path) => {
                    let plain = model.call.as_ref().is_some_and(|call| call.plain);
                    notice(model, format!("You record into {path}. {}", who_is_told(plain)));
                }
                TapeState::Off { path, lost: 0 } => notice(model, format!("Recorded: {path}")),
                TapeState::Off { path, lost } => {
                    let seconds = lost as f64 / 48_000.0;
                    notice(model, format!("Recorded, but {seconds:.1} s that a slow disk lost: {path}"));
                }
                TapeState::Failed(why) if model.call.is_some() => {
                    notice(model, format!("{why}. The call goes on."));
                }
                TapeState::Failed(why) => notice(model, format!("{why}.")),
            }
        }
        ToolEvent::InputEnded
        | ToolEvent::InputFailed(_)
        | ToolEvent::OutputBehind(_)
        | ToolEvent::OutputFailed { .. } => {}
    }
    model.dirty = true;
}
