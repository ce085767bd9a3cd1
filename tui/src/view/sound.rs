//! The sound as it is tried outside of a call: the level, whether the microphone is open, and the echo test. Rows of
//! the settings and of the first run.

use core::time::Duration;

use crate::app::Model;
use crate::app::call::Meter;
use crate::app::keymap::{Act, Place};
use crate::app::settings::{Outcome, Settings, Test};

use super::settings::{Row, Sheet};
use super::{meter, text};

/// Columns of the level.
const LEVEL: u16 = 24;

/// What the first look at the sound is about.
pub(super) fn introduction(model: &Model, open: &Settings, sheet: Sheet) -> Vec<Row> {
    let mut words = match open.test {
        Test::Failed(_) => text::wrap(
            "There is no sound here. You can still write, and a call goes on with the half that works.",
            sheet.width,
        ),
        Test::None | Test::Asked | Test::Speak | Test::Playing | Test::Done(_) => text::wrap(
            "Say something: the level below should move. The echo test plays back what was heard.",
            sheet.width,
        ),
    };
    if model.settings.remote {
        words.extend(text::wrap(
            "You are here over SSH: this is the sound of that machine, not of the one you sit at.",
            sheet.width,
        ));
    }
    let rows = words.into_iter().map(|words| vec![(2, words, sheet.theme.plain())]);
    core::iter::once(Row::new()).chain(rows).collect()
}

/// How to go on from it.
pub(super) fn end(model: &Model, sheet: Sheet) -> [Row; 2] {
    let keys = &model.settings.keys;
    let key = |act, place| keys.key(act, &[place]).unwrap_or_else(|| "^P".to_owned());
    let (on, later) = (key(Act::Go, Place::FirstSound), key(Act::Devices, Place::List));
    let words = format!("{on} goes on. All of this is in the settings later ({later}).");
    [Row::new(), vec![(2, words, sheet.theme.strong())]]
}

/// What the input level is told as where meters stand still.
const STILL: &str = "not shown: meters are set to stand still";

fn bar(model: &Model, open: &Settings, sheet: Sheet) -> Option<String> {
    if model.meters_stand_still() && (open.hears || model.call.is_some()) {
        return Some(STILL.to_owned());
    }
    let level = model.call.as_ref().map_or(open.level, |call| call.you);
    (level != Meter::default()).then(|| meter::bar(level, LEVEL.min(sheet.room()), sheet.theme))
}

/// How loud it is, and whether the microphone is open.
pub(super) fn level(model: &Model, open: &Settings, sheet: Sheet) -> Vec<Row> {
    let bar = bar(model, open, sheet).unwrap_or_else(|| "silent".to_owned());
    let mut rows = sheet.told("Input level", &bar, sheet.theme.good());
    let style = if open.hears { sheet.theme.warn() } else { sheet.theme.dim() };
    rows.extend(sheet.told("Microphone is", &open.microphone_words(model), style));
    rows
}

/// The same in one row, for a low screen.
pub(super) fn level_in_one(model: &Model, open: &Settings, sheet: Sheet) -> Row {
    let theme = sheet.theme;
    let (label, style) = if open.hears { ("Mic is OPEN", theme.warn()) } else { ("Mic is", theme.plain()) };
    let value = match (bar(model, open, sheet), open.hears) {
        (Some(bar), _) => bar,
        (None, true) => "silent".to_owned(),
        (None, false) => open.microphone_word(model).to_owned(),
    };
    vec![(2, label.to_owned(), style), (sheet.value_at(), value, theme.good())]
}

/// The echo test: how to begin it, how far it is, what it found.
pub(super) fn test(model: &Model, open: &Settings, sheet: Sheet) -> Vec<Row> {
    let tell = |words: &str| sheet.told("Echo test", words, sheet.theme.strong());
    let place = if open.first { Place::FirstSound } else { Place::Settings };
    let key = model.settings.keys.key(Act::EchoTest, &[place]);
    let key = key.unwrap_or_else(|| "^P echo test".to_owned());
    match &open.test {
        Test::None => tell(&format!("press {key}, speak for 3 s, hear yourself")),
        Test::Asked => tell("opening the devices"),
        Test::Speak => tell("speak now, for 3 s"),
        Test::Playing => tell("this is what was heard"),
        Test::Failed(why) => tell(why.as_str()),
        Test::Done(outcome) => {
            let said = outcome.problem.unwrap_or("ready for calls");
            let told =
                results(outcome).flat_map(|(label, words)| sheet.told(label, &words, sheet.theme.plain()));
            tell(said).into_iter().chain(told).collect()
        }
    }
}

fn results(outcome: &Outcome) -> impl Iterator<Item = (&'static str, String)> {
    let ms = |time: Duration| format!("{:.0} ms", time.as_secs_f64() * 1_000.0);
    let block = |block: Option<Duration>| block.map_or_else(|| "none: no hardware".to_owned(), ms);
    let echo = match outcome.echo {
        Some((delay, db)) => format!("{db:.0} dB, after {}", ms(delay)),
        None => "none is heard".to_owned(),
    };
    let lost = (outcome.lost > 0).then(|| ("Lost", format!("{} samples", outcome.lost)));
    [
        ("Your voice", format!("{:.0} dBFS at most", outcome.peak_db)),
        ("Capture delay", block(outcome.capture)),
        ("Playback delay", block(outcome.playback)),
        ("Echo return", echo),
    ]
    .into_iter()
    .chain(lost)
}
