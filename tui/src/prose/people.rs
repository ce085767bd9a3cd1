//! Lines about people in the list: who comes first, and what we call them.

use super::Prose;
use super::acts::contact;
use super::commands::Do;
use crate::app::input::Edit;
use crate::app::keymap::Act;
use crate::app::popup::Popup;
use crate::app::{Effect, Msg};
use crate::keys::Input;

/// What came of it, as the notice of the screen says it.
fn said(prose: &mut Prose, effects: Vec<Effect>) -> Vec<Effect> {
    if let Some(notice) = prose.model.notice.take() {
        prose.say(notice.text);
    }
    effects
}

pub(super) fn favourite(prose: &mut Prose, rest: &str) -> Result<Vec<Effect>, String> {
    let name = contact(prose, Do::Favourite, rest)?;
    prose.model.contacts.select(&name);
    let effects = prose.update(Msg::Act(Act::Favourite));
    Ok(said(prose, effects))
}

/// Without another name they go by their own again.
pub(super) fn rename(prose: &mut Prose, rest: &str) -> Result<Vec<Effect>, String> {
    let (who, alias) = rest.split_once(' ').unwrap_or((rest, ""));
    let name = contact(prose, Do::Rename, who)?;
    prose.model.contacts.select(&name);
    prose.update(Msg::Act(Act::Rename));
    prose.update(Msg::Act(Act::Edit(Edit::CutToStart)));
    prose.update(Msg::Input(Input::Paste(alias.trim().to_owned())));
    let effects = prose.update(Msg::Act(Act::Go));
    if let Some(Popup::Rename(window)) = prose.model.popups.last() {
        let problem = window.problem.clone().unwrap_or_default();
        prose.model.popups.pop();
        return Err(problem);
    }
    Ok(said(prose, effects))
}
