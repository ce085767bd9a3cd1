//! What is wrong with a call, in sentences: what does not work, who hears whom back, and who is to blame for how it sounds.

use proto::media::HalfState;
use proto::media::blame::Hop;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::Model;
use crate::app::call::{self, Call, Party, trouble};
use crate::app::echoes::FRIEND;
use crate::app::keymap::Act;

use super::super::text;
use super::super::theme::Theme;

/// What a call that is not encrypted means.
pub(super) const OVERHEARD: &str = "The server and the network can hear this call.";

/// Where sentences begin where there is room.
pub(super) const WIDE_AT: u16 = 2;

/// All of it, as one frame shows it.
pub(super) struct Wrong {
    /// With the sound, who else can hear it, and whose voice comes back.
    pub(super) troubles: Vec<Sentence>,
    /// Who is to blame.
    pub(super) blamed: Option<Sentence>,
}

impl Wrong {
    /// What is wrong with a call of two.
    pub(super) fn with(model: &Model, call: &Call, theme: Theme) -> Self {
        let blamed = blamed(model, call).map(|words| Sentence::new(words, theme.warn()));
        Self { troubles: troubles(model, call, theme), blamed }
    }

    /// Rows that it takes in whole sentences.
    pub(super) fn rows(&self, width: u16) -> u16 {
        let blamed = self.blamed.as_slice();
        rows_of(&self.troubles, WIDE_AT, width) + rows_of(blamed, WIDE_AT, width)
    }
}

/// The worst that there is to say of a call of many, and the same in few words.
pub(super) fn worst(model: &Model, call: &Call) -> Option<(String, String)> {
    let devices = sound_troubles(model).into_iter().next();
    let blamed = || blamed(model, call).map(|words| (words.clone(), words));
    devices.or_else(|| echoes(model, call).next()).or_else(blamed)
}

/// Something that is wrong, and the same in as few words as it takes where there is no room for a reason.
#[derive(Clone)]
pub(super) struct Sentence {
    whole: String,
    short: String,
    style: Style,
}

impl Sentence {
    fn new(whole: String, style: Style) -> Self {
        Self { short: whole.clone(), whole, style }
    }
}

pub(super) fn rows_of(all: &[Sentence], x: u16, width: u16) -> u16 {
    taken(all.iter().map(|sentence| lines(&sentence.whole, x, width).len()).sum())
}

pub(super) fn taken(rows: usize) -> u16 {
    u16::try_from(rows).unwrap_or(u16::MAX)
}

fn lines(words: &str, x: u16, width: u16) -> Vec<String> {
    text::wrap(words, width.saturating_sub(x + 1))
}

/// Sentences below each other from row `y` on: whole ones, or all in few words where those do not fit. One that does not
/// even then is left out, but the first. Gives the row behind.
pub(super) fn sentences(all: Vec<Sentence>, x: u16, mut y: u16, area: Rect, buf: &mut Buffer) -> u16 {
    let short = y + rows_of(&all, x, area.width) > area.height;
    for (at, Sentence { whole, short: few, style }) in all.into_iter().enumerate() {
        let words = if short { few } else { whole };
        let lines = lines(&words, x, area.width);
        if words.is_empty() || at > 0 && y + taken(lines.len()) > area.height {
            continue;
        }
        for line in lines {
            text::left(buf, text::row(area, y), x, &line, style);
            y += 1;
        }
    }
    y
}

/// Who is to blame for how it sounds, in a sentence; none when nobody is. Of a device that does not work at all that is
/// said already, and a microphone that is muted, or shut until one presses to talk, is to blame for nothing.
fn blamed(model: &Model, call: &Call) -> Option<String> {
    let hop = call.figures.hop;
    let dumb = failed(&model.sound.microphone) || model.is_silent();
    if matches!(hop, Hop::MyMicrophone(_)) && dumb || hop == Hop::MySpeaker && failed(&model.sound.speaker) {
        return None;
    }
    let party = hop.member().and_then(|ssrc| call.speaker(ssrc));
    let who = party.map_or_else(|| "somebody".to_owned(), |party| model.shown(&party.name));
    let trip = match party {
        Some(party) => party.figures.round_trip,
        None => call.figures.round_trip,
    };
    call::blame(hop, &who, call.figures.blamed, trip.shown())
}

/// What is wrong with the sound of a call, who else can hear it, and who keeps it.
fn troubles(model: &Model, call: &Call, theme: Theme) -> Vec<Sentence> {
    let of = |whole: String, short: String| Sentence { whole, short, style: theme.warn() };
    let mut all = Vec::new();
    all.extend(call.plain.then(|| Sentence::new(OVERHEARD.to_owned(), theme.warn())));
    all.extend(sound_troubles(model).into_iter().map(|(whole, short)| of(whole, short)));
    all.extend(echoes(model, call).map(|(whole, short)| of(whole, short)));
    if !call.heard() {
        all.push(Sentence::new("connected, waiting for their first sound".to_owned(), theme.warn()));
    }
    all
}

/// What is wrong with the devices, and the same in few words: what the system said of it is left out there.
fn sound_troubles(model: &Model) -> Vec<(String, String)> {
    let key =
        model.settings.keys.key(Act::Devices, model.places()).unwrap_or_else(|| "^P devices".to_owned());
    let both = failed(&model.sound.microphone) && failed(&model.sound.speaker);
    let mut all = Vec::new();
    for (what, half) in [("microphone", &model.sound.microphone), ("speaker", &model.sound.speaker)] {
        let short = match (both, what) {
            (true, "speaker") => String::new(),
            (true, _) => format!("No microphone and no speaker work: {key} chooses others."),
            (false, _) => format!("No {what}: {key} chooses another."),
        };
        all.extend(trouble(what, half).map(|whole| (format!("{whole}."), short)));
    }
    all
}

/// Whose voice comes back through whose microphone, and what to do; and the same in few words. Nothing does through one that
/// does not work or is shut, and nothing is heard back without a speaker.
fn echoes<'a>(model: &'a Model, call: &'a Call) -> impl Iterator<Item = (String, String)> + 'a {
    let inside = |party: &&Party| party.ssrc().is_some() && party.name.as_str() != FRIEND;
    let (open, heard) =
        (!failed(&model.sound.microphone) && !model.is_silent(), !failed(&model.sound.speaker));
    call.parties.iter().filter(inside).filter_map(move |party| {
        let who = model.shown(&party.name);
        if party.figures.echo_from_us && open {
            return Some((
                format!("{who} hears an echo of themselves from you: use headphones, or turn down."),
                format!("{who} hears themselves: turn down."),
            ));
        }
        (party.figures.echo_from_them && heard).then(|| {
            (
                format!("You hear yourself back from {who}: ask them to use headphones, or turn down."),
                format!("{who} sends your voice back to you."),
            )
        })
    })
}

pub(super) fn failed(half: &HalfState) -> bool {
    matches!(half, HalfState::Failed { .. })
}
