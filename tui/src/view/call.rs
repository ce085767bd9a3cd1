//! The call: two rows over the message line, a panel on wide screens, and a page of its own.

use proto::media::HalfState;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::app::Model;
use crate::app::call::{Being, Call, Meter, Party, Phase, among, parted_word};
use crate::app::keymap::{Act, Place};
use crate::app::talk::Tier;

use super::theme::{NOT_ENCRYPTED, Theme};
use super::{meter, text, title};

mod figures;
mod group;
mod page;
mod wrong;

pub(super) use page::page;

/// Columns of a meter in the bar and in the panel.
const BAR_METER: u16 = 8;
const PANEL_METER: u16 = 20;

/// Names in the rows of the bar and the panel; of more, only how many.
const NAMES_SHOWN: usize = 2;

/// Draws the two rows of the bar; nothing without a call or without room.
pub(super) fn bar(model: &Model, area: Rect, buf: &mut Buffer, theme: Theme) {
    let Some(call) = model.call.as_ref().filter(|_| area.height >= 2) else { return };
    let (top, bottom) = (text::row(area, 0), text::row(area, 1));
    let x = headline(model, call, top, buf, theme);
    let keys = match &call.phase {
        Phase::Incoming(_) => keys(model, &[(Act::CallView, "show"), (Act::HangUp, "decline")]),
        Phase::Answering(_) | Phase::Placing { .. } => keys(model, &[(Act::HangUp, "stop")]),
        Phase::Live { .. } => {
            figures_in_a_row(call, top, x + 2, buf, theme);
            keys(model, &[(Act::Mute, "mute"), (Act::HangUp, "end")])
        }
    };
    let at = text::right(buf, bottom, 1, &keys, theme.dim());
    let left = Rect { width: at.saturating_sub(2), ..bottom };
    match &call.phase {
        Phase::Live { .. } if call.is_group() => speakers_in_a_row(model, call, left, buf, theme),
        Phase::Live { .. } => levels_in_a_row(model, call, left, buf, theme),
        Phase::Incoming(_) | Phase::Answering(_) | Phase::Placing { .. } if call.is_group() => {
            let words =
                text::fit(&others_in_a_row(model, call), left.width.saturating_sub(1), theme.glyphs.more);
            text::left(buf, left, 1, &words, theme.dim());
        }
        Phase::Incoming(_) | Phase::Answering(_) | Phase::Placing { .. } => {}
    }
}

/// What these do, by the keys that they have everywhere: `^T mute  ^X end`.
pub(super) fn keys(model: &Model, acts: &[(Act, &str)]) -> String {
    let key = |act| model.settings.keys.key(act, &[Place::Anywhere]);
    let named = acts.iter().filter_map(|(act, does)| Some(format!("{} {does}", key(*act)?)));
    named.collect::<Vec<_>>().join("  ")
}

/// `CALL`, the warning if there is one to give, and what the call is at; gives the column after it.
fn headline(model: &Model, call: &Call, area: Rect, buf: &mut Buffer, theme: Theme) -> u16 {
    let mut x = text::left(buf, area, 1, "CALL ", theme.strong());
    if call.plain {
        x = text::left(buf, area, x, NOT_ENCRYPTED, theme.alarm()) + 1;
    }
    if let Some(words) = recorders(model, call) {
        x = text::left(buf, area, x, &words, theme.alarm()) + 1;
    }
    let mut words = title::state(model).unwrap_or_default();
    // What leaks stands behind it, before the figures.
    let behind = if leaks(call) { text::columns(LEAKS) + 3 } else { 0 };
    let room = area.width.saturating_sub(x + behind);
    // Half a clock says nothing.
    if text::columns(&words) > room
        && let Some((before, _)) = words.rsplit_once(' ').filter(|(_, last)| last.contains(':'))
    {
        words.truncate(before.len());
    }
    text::left(buf, area, x, &text::fit(&words, room, theme.glyphs.more), theme.plain())
}

/// Whether those in a sealed call are who they seem, as far as people compared: `verified 3 Nov`, `not verified`,
/// `3 verified, 1 not`.
pub(super) fn trust(model: &Model, call: &Call) -> String {
    let there: Vec<_> = call.parties.iter().filter(|party| !party.is_out()).collect();
    let verified = |party: &&&crate::app::call::Party| {
        model
            .contacts
            .get(&party.name)
            .filter(|contact| !contact.blocked)
            .and_then(|contact| contact.verified)
    };
    let known: Vec<_> = there.iter().filter_map(|party| verified(&party)).collect();
    match (there.len(), known.as_slice()) {
        (_, []) => "not verified".to_owned(),
        (1, [when]) => format!("verified {}", title::date(*when, &model.settings.zone)),
        (all, known) if all == known.len() => "all verified".to_owned(),
        (all, known) => format!("{} verified, {} not", known.len(), all - known.len()),
    }
}

/// Said beside a seal that shows all the same when we speak.
const LEAKS: &str = "DTX leaks";

/// Whether the sizes of what we send show when we speak, though nobody can hear it.
fn leaks(call: &Call) -> bool {
    !call.plain && call.statistics.as_ref().is_some_and(|exact| exact.dtx)
}

/// That a call is sealed, who in it was compared, and what leaks all the same: as much as there are columns for, and
/// what leaks in any case.
fn sealed(model: &Model, call: &Call, room: u16, theme: Theme) -> (String, Style) {
    let (tick, trust) = (theme.glyphs.delivered, trust(model, call));
    let (but, style) =
        if leaks(call) { (format!(", {LEAKS}"), theme.warn()) } else { (String::new(), theme.good()) };
    let short = format!("{tick} E2E{but}");
    let ways = [
        format!("{tick} end-to-end encrypted, {trust}{but}"),
        format!("{tick} E2E, {trust}{but}"),
        short.clone(),
    ];
    let words = ways.into_iter().find(|words| text::columns(words) <= room);
    let least = || if leaks(call) { LEAKS.to_owned() } else { short };
    (words.unwrap_or_else(least), style)
}

/// Who keeps what is said: ` REC bob `. Said wherever the call is shown.
pub(super) fn recorders(model: &Model, call: &Call) -> Option<String> {
    let records = |party: &&Party| party.recording && party.ssrc().is_some();
    let names: Vec<String> = call.parties.iter().filter(records).map(|p| model.shown(&p.name)).collect();
    (!names.is_empty()).then(|| format!(" REC {} ", among(&names, NAMES_SHOWN)))
}

/// The figures, whole ones only: half a figure is a wrong one.
fn figures_in_a_row(call: &Call, area: Rect, x: u16, buf: &mut Buffer, theme: Theme) {
    let mut pieces = Vec::new();
    if !call.heard() {
        pieces.push(("waiting for sound".to_owned(), theme.warn()));
    }
    // Before the figures: where there is no room for all, they go.
    if leaks(call) {
        pieces.push((LEAKS.to_owned(), theme.warn()));
    }
    if call.statistics.is_some() {
        let trip = call.figures.round_trip.shown().map(|ms| match ms {
            0 => "rtt <1 ".to_owned(),
            ms => format!("rtt {ms:<3}"),
        });
        pieces.extend(trip.map(|trip| (trip, theme.plain())));
        let lost = call.figures.here.lost.shown();
        pieces.push((format!("loss {}", figures::share(lost)), figures::loss_style(lost, theme)));
    }
    if !call.plain {
        pieces.push((format!("E2E {}", theme.glyphs.delivered), theme.good()));
    }
    let mut x = x;
    for (words, style) in pieces {
        if x + text::columns(&words) < area.width {
            x = text::left(buf, area, x, &words, style) + 2;
        }
    }
}

fn levels_in_a_row(model: &Model, call: &Call, area: Rect, buf: &mut Buffer, theme: Theme) {
    own_level_in_a_row(model, call, area, buf, theme);
    let Some(party) = call.first() else { return };
    let them = their_level(model, party, BAR_METER, theme);
    let with = text::fit(&model.shown(&party.name), 10, theme.glyphs.more);
    // A name without its meter says nothing that the row above does not.
    if 19 + text::columns(&with) + 1 + text::columns(&them.words) <= area.width {
        let x = text::left(buf, area, 19, &with, theme.dim());
        them.draw(area, x + 1, buf, theme);
    }
}

fn own_level_in_a_row(model: &Model, call: &Call, area: Rect, buf: &mut Buffer, theme: Theme) {
    let you = own_level(model, call, BAR_METER, theme);
    text::left(buf, area, 1, "you ", theme.dim());
    you.draw(area, 5, buf, theme);
}

/// Who speaks, rather than a meter for each.
fn speakers_in_a_row(model: &Model, call: &Call, area: Rect, buf: &mut Buffer, theme: Theme) {
    own_level_in_a_row(model, call, area, buf, theme);
    if let HalfState::Failed { .. } = model.sound.speaker {
        text::left(buf, area, 19, "no speaker", theme.bad());
        return;
    }
    let names = call.parties.iter().filter(|party| speaks(party)).map(|party| model.shown(&party.name));
    let words = names.collect::<Vec<_>>().join(", ");
    let words = text::fit(&words, area.width.saturating_sub(19), theme.glyphs.more);
    text::left(buf, area, 19, &words, theme.good());
}

/// How far each is, before anybody is in: who else is called, or how far those are whom we call.
fn others_in_a_row(model: &Model, call: &Call) -> String {
    if let Phase::Incoming(_) | Phase::Answering(_) = call.phase {
        let names: Vec<String> = call.parties.iter().skip(1).map(|party| model.shown(&party.name)).collect();
        return format!("with {}", among(&names, NAMES_SHOWN + 1));
    }
    let states =
        call.parties.iter().map(|party| format!("{} {}", model.shown(&party.name), being(call, party)));
    states.collect::<Vec<_>>().join(", ")
}

/// Whether something of them is heard right now.
fn speaks(party: &Party) -> bool {
    party.ssrc().is_some() && !party.muted && party.level.step() > 0
}

/// How far somebody is, in a word or two; nothing while they are simply there.
fn being(call: &Call, party: &Party) -> &'static str {
    match party.being {
        Being::Called if calls_us(call, party) => "calls you",
        Being::Called => "calling",
        Being::Ringing => "ringing",
        Being::In { heard: false, .. } => "no sound yet",
        Being::In { heard: true, .. } if speaks(party) => "speaking",
        Being::In { heard: true, .. } => "",
        Being::Out { reason, .. } => parted_word(reason),
    }
}

/// Whether it is they who call us, and no answer of ours was heard yet.
fn calls_us(call: &Call, party: &Party) -> bool {
    let rings = matches!(call.phase, Phase::Incoming(_) | Phase::Answering(_));
    rings && call.first().is_some_and(|first| first.name == party.name)
}

/// What stands in the place of a meter: the meter on its track, or a word.
struct Level {
    words: String,
    style: Style,
    /// Columns of the track; none below a word.
    track: u16,
}

impl Level {
    fn word(words: &str, style: Style) -> Self {
        Self { words: words.to_owned(), style, track: 0 }
    }

    /// A meter; a word where meters are to stand still.
    fn meter(model: &Model, level: Meter, width: u16, theme: Theme) -> Self {
        if model.settings.meter_hz == Some(0) {
            return Self::word("live", theme.dim());
        }
        Self { words: meter::bar(level, width, theme), style: theme.good(), track: width }
    }

    fn draw(&self, area: Rect, x: u16, buf: &mut Buffer, theme: Theme) {
        let track = theme.glyphs.track.repeat(usize::from(self.track));
        text::left(buf, area, x, &track, theme.dim());
        text::left(buf, area, x, &self.words, self.style);
    }
}

/// One's own meter, or the word that replaces it.
fn own_level(model: &Model, call: &Call, width: u16, theme: Theme) -> Level {
    match (&model.sound.microphone, model.is_silent()) {
        (HalfState::Failed { .. }, _) => Level::word("no microphone", theme.bad()),
        (_, true) if model.sound.muted => Level::word("muted", theme.warn()),
        (_, true) => Level::word(&to_talk(model), theme.warn()),
        (HalfState::Open { .. } | HalfState::Absent { .. } | HalfState::Closed, false) => {
            Level::meter(model, call.you, width, theme)
        }
    }
}

/// What opens the microphone here, in at most 13 columns.
fn to_talk(model: &Model) -> String {
    let Some(key) = model.settings.keys.key(Act::Talk, model.places()) else { return "silent".to_owned() };
    match model.sound.talk.tier() {
        Tier::Release | Tier::Repeat => format!("hold {key}"),
        Tier::Latch => format!("{key}: talk"),
    }
}

fn their_level(model: &Model, party: &Party, width: u16, theme: Theme) -> Level {
    match &model.sound.speaker {
        HalfState::Failed { .. } => Level::word("no speaker", theme.bad()),
        HalfState::Open { .. } | HalfState::Absent { .. } | HalfState::Closed if party.on_hold => {
            Level::word("on hold", theme.warn())
        }
        HalfState::Open { .. } | HalfState::Absent { .. } | HalfState::Closed if party.muted => {
            Level::word("muted", theme.warn())
        }
        HalfState::Open { .. } | HalfState::Absent { .. } | HalfState::Closed => {
            Level::meter(model, party.level, width, theme)
        }
    }
}

/// The call beside the chat.
pub(super) fn panel(model: &Model, area: Rect, buf: &mut Buffer, theme: Theme) {
    let Some(call) = &model.call else { return };
    let x = text::left(buf, text::row(area, 0), 1, "CALL ", theme.strong());
    let words = title::state(model).unwrap_or_default();
    let words = text::fit(&words, area.width.saturating_sub(x), theme.glyphs.more);
    text::left(buf, text::row(area, 0), x, &words, theme.plain());
    let keys = match &call.phase {
        Phase::Incoming(_) => keys(model, &[(Act::CallView, "show"), (Act::HangUp, "decline")]),
        Phase::Answering(_) | Phase::Placing { .. } => keys(model, &[(Act::HangUp, "stop calling")]),
        Phase::Live { .. } => {
            keys(model, &[(Act::Mute, "mute"), (Act::HangUp, "hang up"), (Act::CallView, "full view")])
        }
    };
    text::left(buf, text::row(area, area.height - 1), 1, &keys, theme.dim());
    let live = matches!(call.phase, Phase::Live { .. });
    if call.plain {
        text::left(buf, text::row(area, 1), 1, NOT_ENCRYPTED, theme.alarm());
    } else if live {
        let (words, style) = sealed(model, call, area.width.saturating_sub(2), theme);
        text::left(buf, text::row(area, 1), 1, &words, style);
    }
    if let Some(words) = recorders(model, call) {
        text::left(
            buf,
            text::row(area, 2),
            1,
            &text::fit(&words, area.width - 1, theme.glyphs.more),
            theme.alarm(),
        );
    }
    let between = Rect { y: area.y + 3, height: area.height.saturating_sub(5), ..area };
    let used = match (live, call.is_group()) {
        (_, true) => people(model, call, between, buf, theme),
        (true, false) => pair(model, call, between, buf, theme),
        (false, false) => return,
    };
    if live {
        let below = Rect { y: between.y + used, height: between.height.saturating_sub(used), ..between };
        let wrong = wrong::Wrong::with(model, call, theme);
        figures::figures(model, call, wrong, below, buf, theme, false);
    }
}

/// You and them; gives the rows that it takes.
fn pair(model: &Model, call: &Call, area: Rect, buf: &mut Buffer, theme: Theme) -> u16 {
    let you = ("you".to_owned(), own_level(model, call, PANEL_METER, theme));
    let them = |party: &Party| (model.shown(&party.name), their_level(model, party, PANEL_METER, theme));
    for (y, (who, level)) in [0, 2].into_iter().zip([you].into_iter().chain(call.first().map(them))) {
        person(&who, &level, text::row(area, y), buf, theme, theme.dim());
    }
    4
}

/// Everybody in a call of many, one a row; gives the rows that it takes.
fn people(model: &Model, call: &Call, area: Rect, buf: &mut Buffer, theme: Theme) -> u16 {
    person("you", &own_level(model, call, PANEL_METER, theme), text::row(area, 0), buf, theme, theme.dim());
    let shown: Vec<&Party> = call.parties.iter().filter(|party| party.shown(model.now.mono)).collect();
    // Half of the panel at most, so that the figures keep their place.
    let room = usize::from(area.height / 2);
    let cut = if shown.len() > room { room.saturating_sub(1) } else { shown.len() };
    let mut y = 1;
    for party in &shown[..cut] {
        let level = if party.heard() {
            their_level(model, party, PANEL_METER, theme)
        } else {
            Level::word(being(call, party), theme.dim())
        };
        person(&model.shown(&party.name), &level, text::row(area, y), buf, theme, theme.dim());
        y += 1;
    }
    if cut < shown.len() {
        let shows = keys(model, &[(Act::CallView, "shows them")]);
        let more = format!("and {} more: {shows}", shown.len() - cut);
        text::left(buf, text::row(area, y), 1, &more, theme.dim());
        y += 1;
    }
    y + 1
}

fn person(who: &str, level: &Level, area: Rect, buf: &mut Buffer, theme: Theme, style: Style) {
    let who = text::fit(who, 9, theme.glyphs.more);
    text::left(buf, area, 1, &who, style);
    level.draw(area, 11, buf, theme);
}
