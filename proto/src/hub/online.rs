//! Who is logged in, by account and device. A device has one connection; a newer one takes its place.

use std::collections::BTreeMap;

use core::net::IpAddr;

use crate::id::{ConnId, DeviceId, Fingerprint, Name, Principal};

/// A device of an account. Two accounts may share a device's keys, so the pair is the identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Device {
    pub(super) account: Fingerprint,
    pub(super) id: DeviceId,
}

/// Somebody logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: Name,
    pub(super) device: Device,
    pub(super) kind: Kind,
}

/// What stands behind a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A key.
    Key,
    /// Nothing: a plain user, with the address where its voice goes. None when nobody can call it: its protocol has no
    /// word for that at the server, or it has no IPv4 address, and its programs know no other.
    Guest(Option<IpAddr>),
}

impl User {
    pub(super) const fn is_guest(&self) -> bool {
        matches!(self.kind, Kind::Guest(_))
    }

    /// Where a guest's voice goes.
    pub(super) const fn voice_at(&self) -> Option<IpAddr> {
        match self.kind {
            Kind::Guest(address) => address,
            Kind::Key => None,
        }
    }

    /// Whether a call can be told to it.
    pub(super) const fn can_be_rung(&self) -> bool {
        match self.kind {
            Kind::Key => true,
            Kind::Guest(address) => address.is_some(),
        }
    }

    pub(super) fn principal(&self) -> Principal {
        match self.kind {
            Kind::Key => Principal::Key(self.device.account),
            Kind::Guest(_) => Principal::Guest(self.name.clone()),
        }
    }

    /// The device, of one who has a key for it.
    pub(super) fn key_device(&self) -> Option<DeviceId> {
        (self.kind == Kind::Key).then_some(self.device.id)
    }
}

impl Device {
    /// A guest has one connection, so one device that stands for all.
    pub(super) const fn of_guest(account: Fingerprint) -> Self {
        Self { account, id: DeviceId([0; 16]) }
    }
}

#[derive(Debug, Default)]
pub(super) struct Online {
    devices: BTreeMap<Device, ConnId>,
}

impl Online {
    /// Seats a connection, and returns the one it replaces.
    pub(super) fn insert(&mut self, device: Device, conn: ConnId) -> Option<ConnId> {
        self.devices.insert(device, conn)
    }

    /// Removes the device, if this is still its connection.
    pub(super) fn remove(&mut self, device: Device, conn: ConnId) -> bool {
        let is_its = self.devices.get(&device) == Some(&conn);
        if is_its {
            self.devices.remove(&device);
        }
        is_its
    }

    pub(super) fn conn(&self, device: Device) -> Option<ConnId> {
        self.devices.get(&device).copied()
    }

    pub(super) fn devices(&self, account: Fingerprint) -> impl Iterator<Item = (DeviceId, ConnId)> {
        self.devices.range(whole(account)).map(|(device, conn)| (device.id, *conn))
    }

    pub(super) fn is_here(&self, account: Fingerprint) -> bool {
        self.devices(account).next().is_some()
    }

    /// Every account with a connection, once.
    pub(super) fn accounts(&self) -> Vec<Fingerprint> {
        let mut accounts: Vec<_> = self.devices.keys().map(|device| device.account).collect();
        accounts.dedup();
        accounts
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Device, ConnId)> {
        self.devices.iter().map(|(device, conn)| (*device, *conn))
    }

    pub(super) fn len(&self) -> usize {
        self.devices.len()
    }

    pub(super) fn clear(&mut self) {
        self.devices.clear();
    }
}

/// All devices an account can have.
pub(super) fn whole(account: Fingerprint) -> core::ops::RangeInclusive<Device> {
    let device = |n| Device { account, id: DeviceId([n; 16]) };
    device(0)..=device(0xff)
}
