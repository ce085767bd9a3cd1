//! What is done to our voice, and whose voice comes back, as JSON.

use proto::id::{Name, Ssrc};
use proto::media::Statistics;
use proto::media::processing::{Part, PartState, Processing};
use serde_json::{Value, json};

use super::words::part_name;
use crate::app::echoes::{Echoes, Whose};

/// The state of it, as last told.
#[derive(Debug, Default)]
pub(super) struct Voice {
    processing: Option<Processing>,
    echoes: Echoes,
}

impl Voice {
    /// Something else is done.
    pub(super) fn processed(&mut self, state: Processing) -> Value {
        self.processing = Some(state);
        let mut value = parts(&state);
        value["event"] = json!("processing");
        value
    }

    /// For `status`.
    pub(super) fn status(&self) -> Value {
        self.processing.as_ref().map_or(Value::Null, parts)
    }

    /// Whose voice comes back from whom, when it begins and when it ends.
    pub(super) fn echoes<'a>(
        &mut self,
        statistics: &Statistics,
        name: impl Fn(Ssrc) -> Option<&'a Name>,
    ) -> Vec<Value> {
        let news = self.echoes.news(statistics);
        let told = news.iter().filter_map(|news| {
            let who = name(news.ssrc)?;
            let whose = match news.whose {
                Whose::Ours => "mine",
                Whose::Theirs => "theirs",
            };
            let (with, text) = (who.as_str(), news.words(who));
            Some(json!({ "event": "echo", "with": with, "whose": whose, "heard": news.heard, "text": text }))
        });
        told.collect()
    }
}

/// Each part of it, and why.
fn parts(state: &Processing) -> Value {
    let one = |part| {
        let PartState { on, why } = state.part(part);
        (part_name(part).to_owned(), json!({ "on": on, "why": why.words() }))
    };
    Part::ALL.into_iter().map(one).collect::<serde_json::Map<_, _>>().into()
}
