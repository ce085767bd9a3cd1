//! Keys compared, changed and blocked, without a screen.

use proto::client::{Compared, Event};
use proto::id::Principal;
use serde_json::{Value, json};

/// A principal, as `accept-key` and `unblock` take it back.
pub(super) fn shown(principal: &Principal) -> String {
    match principal {
        Principal::Key(key) => key.openssh(),
        Principal::Guest(name) => format!("~{name}"),
    }
}

/// What is told of these; nothing of other events.
pub(super) fn told(event: &Event) -> Option<Value> {
    if let Event::IdentityAccepted { name, new, .. } = event {
        return Some(json!({ "event": "key_accepted", "name": name.as_str(), "key": shown(new) }));
    }
    if let Event::Banned(list) = event {
        let list: Vec<Value> = list
            .iter()
            .map(|ban| json!({ "name": ban.name.as_str(), "key": shown(&ban.principal), "since_ms": ban.since.0 }))
            .collect();
        return Some(json!({ "event": "blocked", "list": list }));
    }
    let Event::Compared { who, compared } = event else { return None };
    let who = who.as_str();
    let failed = |why: &str| json!({ "event": "words", "who": who, "failed": why });
    Some(match compared {
        Compared::Words(words) => json!({ "event": "words", "who": who, "words": words }),
        Compared::NoAnswer => failed("no_answer"),
        Compared::Broken => failed("broken"),
        Compared::TooMany => failed("too_many"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::story::name;

    #[test]
    fn words_are_told_or_why_there_are_none() {
        let told = |compared| told(&Event::Compared { who: name("bob"), compared }).unwrap();
        let words = told(Compared::Words(["otter", "candle", "harvest", "violin"]));
        assert_eq!(words["words"], json!(["otter", "candle", "harvest", "violin"]));
        assert_eq!(told(Compared::Broken)["failed"], "broken");
    }
}
