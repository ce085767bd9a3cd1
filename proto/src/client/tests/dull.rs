//! Sessions that are there and seal nothing, as those that somebody began with a key that is none.

use core::time::Duration;

use super::*;
use crate::crypto::ratchet::{DeviceKeys, Ratchet, RatchetError, RatchetState};
use crate::wire::record::Sealed;

struct Dull(Standin);

impl Ratchet for Dull {
    fn keys(&self) -> DeviceKeys {
        self.0.keys()
    }

    fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.0.sign(bytes)
    }

    fn age(&mut self, wall: Wall) {
        self.0.age(wall);
    }

    fn prekeys(&mut self) -> (Vec<Prekey>, Prekey) {
        self.0.prekeys()
    }

    fn has_session(&self, _device: DeviceId) -> bool {
        true
    }

    fn start(&mut self, device: DeviceId, keys: DeviceKeys, prekey: &[u8; 32]) -> Result<(), RatchetError> {
        self.0.start(device, keys, prekey)
    }

    fn seal(&mut self, _device: DeviceId, _plaintext: &[u8]) -> Result<Sealed, RatchetError> {
        Err(RatchetError::NoSession)
    }

    fn open(&mut self, device: DeviceId, keys: DeviceKeys, sealed: &Sealed) -> Result<Vec<u8>, RatchetError> {
        self.0.open(device, keys, sealed)
    }

    fn forget(&mut self, device: DeviceId) {
        self.0.forget(device);
    }

    fn take_changes(&mut self) -> Vec<RatchetState> {
        self.0.take_changes()
    }
}

#[test]
fn a_session_that_seals_nothing_fails_a_text_and_does_not_hang_the_client() {
    let mut stage = Stage::with_bob();
    stage.client.ratchet = Box::new(Dull(Standin::new([1; 32])));
    stage.input(Input::Command(Command::Say { to: name("bob"), text: "hello".into(), echo: 1 }));
    stage.wait(Duration::from_secs(6));
    let failed = |event: &Event| matches!(event, Event::MessageState { state: MessageState::Failed(_), .. });
    assert!(stage.events().iter().any(failed), "{:?}", stage.events());
}
