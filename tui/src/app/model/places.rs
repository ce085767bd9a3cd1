//! Where keys count now, and the line that typed text goes to.

use super::{Focus, Model, Stage};
use crate::app::call::Incoming;
use crate::app::input::Editor;
use crate::app::keymap::Place;
use crate::app::popup::Popup;

impl Model {
    /// Where keys count now, the most particular place first.
    pub fn places(&self) -> &'static [Place] {
        match &self.stage {
            Stage::Stop { .. } => return &[Place::Stop, Place::Anywhere],
            Stage::Welcome(_) => return &[Place::Welcome, Place::Edit, Place::Anywhere],
            Stage::Main => {}
        }
        if self.incoming().is_some_and(|(_, incoming)| incoming.window.is_some()) {
            return &[Place::Incoming, Place::Anywhere];
        }
        match self.popups.last() {
            Some(Popup::Help(_)) => return &[Place::Help, Place::Edit, Place::Anywhere],
            Some(Popup::Settings(open)) if open.first => return &[Place::FirstSound, Place::Anywhere],
            Some(Popup::Settings(_)) => return &[Place::Settings, Place::Anywhere],
            Some(Popup::Palette(_)) => return &[Place::Palette, Place::Edit, Place::Anywhere],
            Some(Popup::Add(_)) => return &[Place::Add, Place::Edit, Place::Anywhere],
            Some(Popup::Consent(_)) => return &[Place::Consent, Place::Anywhere],
            Some(Popup::Rename(_)) => return &[Place::Rename, Place::Edit, Place::Anywhere],
            Some(Popup::Verify(_)) => return &[Place::Verify, Place::Anywhere],
            Some(Popup::Changed(_)) => return &[Place::Changed, Place::Edit, Place::Anywhere],
            Some(Popup::Blocked(_)) => return &[Place::Blocked, Place::Anywhere],
            Some(Popup::Qr(_)) => return &[Place::Code, Place::Anywhere],
            None => {}
        }
        self.places_below()
    }

    /// The same without any window over the page.
    pub fn places_below(&self) -> &'static [Place] {
        let marks = !self.contacts.marked().is_empty();
        match (self.on_call_page(), self.focus) {
            (true, _) if self.tools.saying_again => &[Place::Again, Place::Call, Place::Anywhere],
            (true, _) => &[Place::Call, Place::Anywhere],
            (false, Focus::List) if self.find.is_some() => &[Place::Find, Place::Edit, Place::Anywhere],
            (false, Focus::List) if marks => &[Place::Marked, Place::List, Place::Anywhere],
            (false, Focus::List) => &[Place::List, Place::Anywhere],
            (false, Focus::Message) => &[Place::Message, Place::Edit, Place::Anywhere],
        }
    }

    /// The line that typed text goes to.
    pub fn editor(&mut self) -> Option<&mut Editor> {
        if !self.places().contains(&Place::Edit) {
            return None;
        }
        match (&mut self.stage, self.popups.last_mut()) {
            (Stage::Welcome(welcome), _) => Some(&mut welcome.name),
            (Stage::Main, Some(Popup::Help(help))) => Some(&mut help.filter),
            (Stage::Main, Some(Popup::Palette(palette))) => Some(&mut palette.line),
            (Stage::Stop { .. }, _)
            | (
                Stage::Main,
                Some(
                    Popup::Settings(_)
                    | Popup::Consent(_)
                    | Popup::Verify(_)
                    | Popup::Blocked(_)
                    | Popup::Qr(_),
                ),
            ) => None,
            (Stage::Main, Some(Popup::Add(add))) => Some(add.line()),
            (Stage::Main, Some(Popup::Rename(rename))) => Some(&mut rename.alias),
            (Stage::Main, Some(Popup::Changed(changed))) => Some(&mut changed.typed),
            (Stage::Main, None) if self.focus == Focus::List => {
                self.find.as_mut().map(|find| &mut find.query)
            }
            (Stage::Main, None) => {
                let name = self.contacts.selected()?.name.clone();
                Some(&mut self.chats.of(&name, &self.contacts).draft)
            }
        }
    }

    /// Keys of this place are ignored, because its window has just opened over what they were meant for.
    pub fn guarded(&self) -> Option<Place> {
        let now = self.now.mono;
        let incoming = |incoming: &Incoming| incoming.window.is_some() && !incoming.takes_keys(now);
        if self.incoming().is_some_and(|(_, ring)| incoming(ring)) {
            return Some(Place::Incoming);
        }
        self.consent().filter(|consent| !consent.takes_keys(now)).map(|_| Place::Consent)
    }
}
