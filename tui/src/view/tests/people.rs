//! Pages about people: who comes first, what we call them.

use super::*;
use crate::app::Msg;
use crate::app::personal::Personal;

pub(super) fn pages(look: Look) -> Vec<(&'static str, Story)> {
    let mut list = Vec::new();
    let mut page = |name, story: Story| list.push((name, story));

    let mut story = Story::morning(look);
    let erin = contact("erin", Standing::Mutual, Presence::Offline).principal;
    let kept = Personal { alias: Some(Safe::line("Sister")), favourite: true };
    story.event(Msg::Personal(vec![(erin, kept)]));
    page("favourite", story);

    let mut story = Story::morning(look);
    story.keys("R");
    story.type_in("carol");
    story.keys("Enter");
    page("rename", story);
    list
}
