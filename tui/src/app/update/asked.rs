//! What other programs of the user ask of the screen, over the control socket: the same acts as those of the keys,
//! with an answer that says what came of it.

use super::super::call::{self, Being, Call, Phase};
use super::super::model::{Focus, Link, Model};
use super::super::msg::Effect;
use super::{calling, ptt};
use crate::control::{CallStatus, Reply, Request, Status, Visitor, refused};

/// Does what is asked, and answers.
pub(super) fn asked(model: &mut Model, who: Visitor, request: Request, effects: &mut Vec<Effect>) {
    model.dirty = true;
    let reply = match request {
        Request::Mute(to) => {
            calling::mute(model, to.from(model.sound.muted), effects);
            Reply::Done(if model.sound.muted { "muted" } else { "not muted" }.to_owned())
        }
        Request::Answer => answer(model, effects),
        Request::HangUp => hang_up(model, effects),
        Request::Talk(to) => ptt::asked(model, to),
        Request::Status => Reply::Status(Box::new(status(model))),
        // The session answers it.
        Request::Invite => refused("unknown", "a link is made by the session"),
    };
    effects.push(Effect::Reply(who, reply));
}

fn answer(model: &mut Model, effects: &mut Vec<Effect>) -> Reply {
    let Some(caller) = model.incoming().and_then(|(call, _)| call.first()) else {
        return refused("no_call", "nobody is calling");
    };
    let caller = model.shown(&caller.name);
    if model.consent().is_some() {
        let why = format!("the call with {caller} would not be encrypted: say yes to that on the screen");
        return refused("failed", &why);
    }
    let by_hand = model.focus == Focus::List;
    calling::answer(model, model.sound.muted, by_hand, effects);
    Reply::Done(format!("answering {caller}"))
}

fn hang_up(model: &mut Model, effects: &mut Vec<Effect>) -> Reply {
    let Some(call) = &model.call else { return refused("no_call", "there is no call") };
    let with = model.with(call, usize::MAX);
    let words = if model.incoming().is_some() { "declining" } else { "hanging up on" };
    calling::hang_up(model, effects);
    Reply::Done(format!("{words} {with}"))
}

/// How things are.
pub(super) fn status(model: &Model) -> Status {
    let call = model.call.as_ref().map(|call| call_status(model, call));
    let live = call.as_ref().is_some_and(|call| call.state == "live");
    Status {
        connection: match model.link {
            Link::Online => "online",
            Link::Connecting => "connecting",
            Link::Away { .. } => "offline",
        },
        name: model.name.as_ref().map(ToString::to_string),
        server: model.settings.server.to_string(),
        incoming: model.incoming().and_then(|(call, _)| call.first()).map(|caller| model.shown(&caller.name)),
        call,
        muted: model.sound.muted,
        ptt: model.sound.talk.is_on(),
        live: live && !model.is_silent(),
        unread: Some(model.unread()),
        dnd: model.dnd,
    }
}

fn call_status(model: &Model, call: &Call) -> CallStatus {
    let rings = call.parties.iter().any(|party| party.being == Being::Ringing);
    CallStatus {
        state: match call.phase {
            Phase::Incoming(_) => "incoming",
            Phase::Answering(_) => "connecting",
            Phase::Placing { .. } if rings => "ringing",
            Phase::Placing { .. } => "calling",
            Phase::Live { .. } => "live",
        },
        with: call.names().into_iter().map(|name| model.shown(name)).collect(),
        seconds: call.lasted(model.now.mono).map(|lasted| lasted.as_secs()),
        encrypted: !call.plain,
        quality: call.figures.rating.map(call::rating),
    }
}
