//! What the keys do to the rows about the world outside the screen.

use proto::media::processing::Wish;

use super::super::super::model::Model;
use super::super::super::msg::Effect;
use super::super::super::notify::{Notify, OscWish};
use super::super::super::preferences::Value;
use super::super::super::settings::Setting;
use super::super::super::transmit::{TalkKey, Transmit};
use super::{after, keep};

/// The next value of a setting, or the usual one.
pub(super) fn set(model: &mut Model, setting: Setting, usual: bool, effects: &mut Vec<Effect>) {
    if setting == Setting::Transmit {
        return transmit(model, usual, effects);
    }
    if setting == Setting::Links {
        let links = if usual { Wish::Auto } else { after(&Wish::ALL, model.settings.links) };
        model.settings.links = links;
        return keep(effects, "ui", "links", Value::Text(links.word().to_owned()));
    }
    let common = Notify::default();
    let notify = &mut model.settings.notify;
    let mut switch = |on: &mut bool, common: bool, key| {
        *on = if usual { common } else { !*on };
        keep(effects, "notify", key, Value::Switch(*on));
    };
    match setting {
        Setting::Bell => switch(&mut notify.bell, common.bell, "bell"),
        Setting::Preview => switch(&mut notify.preview, common.preview, "preview"),
        Setting::CallsRing => switch(&mut notify.calls_in_dnd, common.calls_in_dnd, "calls_in_dnd"),
        Setting::Undisturbed => {
            switch(&mut notify.dnd, common.dnd, "dnd");
            // As every change it counts at once, too.
            model.dnd = notify.dnd;
        }
        Setting::Notices => {
            notify.osc = if usual { OscWish::default() } else { after(&OscWish::ALL, notify.osc) };
            keep(effects, "notify", "osc", Value::Text(notify.osc.word().to_owned()));
        }
        Setting::Ring => {
            notify.ring = if usual { Wish::Auto } else { after(&Wish::ALL, notify.ring) };
            keep(effects, "notify", "ring", Value::Text(notify.ring.word().to_owned()));
        }
        Setting::TalkKey => {
            let talk = &mut model.sound.talk;
            talk.key = if usual { TalkKey::default() } else { after(&TalkKey::ALL, talk.key) };
            // What is held in one way is not held in the other.
            talk.shut();
            keep(effects, "voice", "talk_key", Value::Text(talk.key.word().to_owned()));
        }
        Setting::Transmit
        | Setting::Links
        | Setting::Microphone
        | Setting::Speaker
        | Setting::RingDevice
        | Setting::Process(_)
        | Setting::Delay
        | Setting::Frame
        | Setting::Dtx
        | Setting::Theme
        | Setting::Colour
        | Setting::Ascii
        | Setting::MeterHz => {}
    }
}

fn transmit(model: &mut Model, usual: bool, effects: &mut Vec<Effect>) {
    let talk = &mut model.sound.talk;
    talk.transmit = if usual { Transmit::default() } else { after(&Transmit::ALL, talk.transmit) };
    talk.shut();
    keep(effects, "voice", "transmit", Value::Text(talk.transmit.word().to_owned()));
}
