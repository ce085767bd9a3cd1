//! Who in the call is who: whose stream a volume is for, and under whom it is remembered.

use std::collections::BTreeMap;

use anyhow::Context as _;
use proto::client::{ContactInfo, Event};
use proto::id::{Name, Principal, Ssrc};
use proto::media::SoundCommand;
use proto::wire::record::Standing;

use super::{Session, Told};

/// Streams of the call and principals of the contacts.
#[derive(Debug, Default)]
pub(super) struct Volumes {
    contacts: BTreeMap<Name, Principal>,
    streams: BTreeMap<Name, Ssrc>,
}

impl Volumes {
    /// Keeps what an event says of people.
    pub(super) fn notice(&mut self, event: &Event) {
        if let Event::Contacts(list) = event {
            self.contacts.clear();
            list.iter().for_each(|info| self.contact(info));
        } else if let Event::Contact(info) = event {
            self.contact(info);
        } else if let Event::Gone(name) = event {
            self.contacts.remove(name);
        } else if let Event::Joined { who, ssrc, .. } = event {
            self.streams.insert(who.clone(), *ssrc);
        } else if let Event::Parted { who, .. } = event {
            self.streams.remove(who);
        } else if let Event::Ended { .. } = event {
            self.streams.clear();
        }
    }

    fn contact(&mut self, info: &ContactInfo) {
        // A key that is not trusted any more is somebody else.
        if info.standing == Standing::Mutual && !info.blocked {
            self.contacts.insert(info.name.clone(), info.principal.clone());
        } else {
            self.contacts.remove(&info.name);
        }
    }

    /// The stream of somebody who is in the call.
    pub(super) fn stream(&self, who: &Name) -> Option<Ssrc> {
        self.streams.get(who).copied()
    }

    /// Who it is, beyond the name. Of somebody who is nobody's contact nothing lasting is known.
    pub(super) fn principal(&self, who: &Name) -> Option<&Principal> {
        self.contacts.get(who)
    }
}

impl Session {
    /// Plays somebody in the call as loud, in percent, and remembers it for the next time. False when they are not in it.
    ///
    /// # Errors
    /// When the store fails: the program must end.
    pub fn volume(&mut self, who: &Name, percent: u16) -> anyhow::Result<bool> {
        let Some(ssrc) = self.volumes.stream(who) else { return Ok(false) };
        self.sound(SoundCommand::Volume { ssrc, percent });
        if let Some(principal) = self.volumes.principal(who) {
            self.spoken.store.set_volume(principal, percent).context("saving the volume")?;
            self.spoken.store.commit()?;
        }
        Ok(true)
    }

    /// Somebody is in the call: they are played as loud as the last time.
    pub(super) fn recall_volume(&mut self, who: &Name) -> anyhow::Result<()> {
        let (Some(principal), Some(ssrc)) = (self.volumes.principal(who), self.volumes.stream(who)) else {
            return Ok(());
        };
        let percent = self.spoken.store.volume(principal).context("reading the volume")?;
        if let Some(percent) = percent {
            self.sound(SoundCommand::Volume { ssrc, percent });
            self.told.push_back(Told::Volume(who.clone(), percent));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::story::{contact, guest, name};
    use proto::client::EndReason;
    use proto::wire::record::Presence;

    #[test]
    fn a_volume_is_of_a_stream_and_remembered_for_a_principal() {
        let mut volumes = Volumes::default();
        let bob = contact("bob", Standing::Mutual, Presence::Online);
        volumes
            .notice(&Event::Contacts(vec![bob.clone(), contact("zoe", Standing::Asked, Presence::Online)]));
        volumes.notice(&Event::Contact(guest("gina")));
        assert_eq!(volumes.principal(&name("bob")), Some(&bob.principal));
        assert_eq!(volumes.principal(&name("gina")), Some(&Principal::Guest(name("gina"))));
        assert_eq!(volumes.principal(&name("zoe")), None);
        assert_eq!(volumes.stream(&name("bob")), None);
        let joined = |who, ssrc| Event::Joined { who: name(who), ssrc: Ssrc(ssrc), plain: false };
        volumes.notice(&joined("bob", 1));
        volumes.notice(&joined("gina", 2));
        volumes.notice(&Event::Parted { who: name("gina"), reason: EndReason::Lost });
        assert_eq!((volumes.stream(&name("bob")), volumes.stream(&name("gina"))), (Some(Ssrc(1)), None));
        volumes.notice(&Event::Ended { with: Vec::new(), reason: EndReason::HungUp });
        assert_eq!(volumes.stream(&name("bob")), None);
        volumes.notice(&Event::Contact(ContactInfo { blocked: true, ..bob }));
        assert_eq!(volumes.principal(&name("bob")), None, "whoever has another key is somebody else");
    }
}
