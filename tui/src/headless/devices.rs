//! The two halves of the sound, for programs: how each is, and what is told when it is not as it was wanted.

use proto::Safe;
use proto::media::HalfState;
use serde_json::{Value, json};

use super::call::micros;
use super::events::error;

/// What is to be told of a half that was as `before` and is so now.
pub(super) fn news(half: &str, before: Option<&HalfState>, now: &HalfState) -> Option<Value> {
    let was_amiss = before.and_then(|before| amiss(half, before)).is_some();
    let back = || match now {
        HalfState::Open { name, .. } if was_amiss => {
            Some(json!({ "event": "device_back", "half": half, "device": name.as_str() }))
        }
        HalfState::Open { .. } | HalfState::Absent { .. } | HalfState::Closed | HalfState::Failed { .. } => {
            None
        }
    };
    amiss(half, now).or_else(back)
}

/// A half that fails, or is another device than the one that was chosen.
fn amiss(half: &str, state: &HalfState) -> Option<Value> {
    let absent = |wanted: &Safe, instead: Option<&Safe>| {
        let instead = instead.map(Safe::as_str);
        json!({ "event": "device_absent", "half": half, "wanted": wanted.as_str(), "instead": instead })
    };
    match state {
        HalfState::Failed { why } => Some(error(half, why.as_str())),
        HalfState::Open { name, wanted, .. } => wanted.as_ref().map(|wanted| absent(wanted, Some(name))),
        HalfState::Absent { wanted, instead } => Some(absent(wanted, instead.as_ref())),
        HalfState::Closed => None,
    }
}

/// The same for `status`.
pub(super) fn half(state: Option<&HalfState>) -> Value {
    match state {
        None | Some(HalfState::Closed) => json!({ "state": "closed" }),
        Some(HalfState::Open { name, opened_in, wanted }) => json!({
            "state": "open", "device": name.as_str(), "opened_in_us": micros(*opened_in),
            "wanted": wanted.as_ref().map(Safe::as_str),
        }),
        Some(HalfState::Absent { wanted, instead }) => json!({
            "state": "absent", "wanted": wanted.as_str(), "instead": instead.as_ref().map(Safe::as_str),
        }),
        Some(HalfState::Failed { why }) => json!({ "state": "failed", "why": why.as_str() }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_device_in_the_place_of_another_is_told_with_both_names() {
        let (wanted, name) = (Safe::line("USB Headset"), Safe::line("Built-in"));
        let open =
            |wanted| HalfState::Open { name: name.clone(), opened_in: Duration::from_micros(7), wanted };
        assert_eq!(amiss("speaker", &open(None)), None);
        let told = |instead: Option<&str>| json!({ "event": "device_absent", "half": "speaker", "wanted": "USB Headset", "instead": instead });
        assert_eq!(amiss("speaker", &open(Some(wanted.clone()))), Some(told(Some("Built-in"))));
        let status = half(Some(&open(Some(wanted.clone()))));
        assert_eq!((&status["device"], &status["wanted"]), (&json!("Built-in"), &json!("USB Headset")));
        let absent = HalfState::Absent { wanted, instead: None };
        assert_eq!(amiss("speaker", &absent), Some(told(None)));
        assert_eq!(half(Some(&absent))["state"], "absent");
        let back = json!({ "event": "device_back", "half": "speaker", "device": "Built-in" });
        assert_eq!(news("speaker", Some(&absent), &open(None)), Some(back));
        assert_eq!(news("speaker", Some(&open(None)), &open(None)), None);
    }
}
