//! A human's yes to calls with a guest, which are not encrypted: said once, kept with the contact, gone with it.

use crate::client::contacts::{Contacts, Effect};
use crate::client::state::{Kind, Save};
use crate::id::{Name, Principal};

impl Contacts {
    /// Whether a human agreed to calls with this guest.
    pub(crate) fn allows_plain(&self, name: &Name) -> bool {
        self.plain_yes.contains(&name.folded())
    }

    /// A human agrees to calls with this contact that are not encrypted; false when it is no guest who may be called.
    pub(crate) fn allow_plain(&mut self, name: &Name) -> bool {
        if !matches!(self.callable(name), Some(Principal::Guest(_))) {
            return false;
        }
        let key = name.folded();
        self.out.push_back(Effect::Save(Save {
            kind: Kind::PlainYes,
            key: key.clone().into_bytes(),
            value: Some(Vec::new()),
        }));
        self.plain_yes.insert(key);
        true
    }

    pub(super) fn forbid_plain(&mut self, name: &Name) {
        if self.plain_yes.remove(&name.folded()) {
            let key = name.folded().into_bytes();
            self.out.push_back(Effect::Save(Save { kind: Kind::PlainYes, key, value: None }));
        }
    }
}
