//! Who is taken out of the list: said to the server only when nobody can take it back any more.

use proto::client::Command;
use proto::wire::record::Standing;

use super::super::contacts::Leaving;
use super::super::model::Model;
use super::super::msg::Effect;
use super::keys::nobody;
use super::notice;

pub(super) fn remove(model: &mut Model, effects: &mut Vec<Effect>) {
    let Some(contact) = model.contacts.selected() else { return nobody(model) };
    let name = contact.name.clone();
    let done = match contact.standing {
        Standing::Asking => "is rejected",
        Standing::Asked => "is asked no more",
        Standing::None | Standing::Mutual => "is removed",
    };
    effects.extend(model.contacts.begin_removal(model.now.mono).map(said));
    notice(model, format!("{} {done}. u takes it back, for 10 s.", model.in_full(&name)));
    stands_while_leaving(model);
}

pub(super) fn undo(model: &mut Model) {
    let Some(name) = model.contacts.undo_removal() else {
        return notice(model, "There is nothing to take back.");
    };
    match model.still_leaving() {
        Some(who) => {
            notice(model, format!("{} stays. u takes {who}.", model.in_full(&name)));
            stands_while_leaving(model);
        }
        None => notice(model, format!("{} stays.", model.in_full(&name))),
    }
}

/// What was just said of a removal stands as long as it is true, unless there is news.
fn stands_while_leaving(model: &mut Model) {
    let until = model.contacts.leaving().map(|leaving| leaving.until);
    if let (Some(notice), Some(until)) = (&mut model.notice, until) {
        notice.until = until;
    }
}

/// What the server is told once it is final.
pub(super) fn said(leaving: Leaving) -> Effect {
    Effect::Send(if leaving.request { Command::Reject(leaving.name) } else { Command::Remove(leaving.name) })
}
