//! A hostile guest: junk on every door, overheard datagrams sent again from elsewhere and with flipped bits, and a
//! logged-in user whose stream is twisted on the way.

use core::net::SocketAddr;
use core::time::Duration;

use proto::id::Name;
use proto::wire::{self, Request};
use proto::{Rng, Time};

use super::net::{address, chance, server_address};

/// Overheard datagrams kept.
const MEMORY: usize = 64;

/// The villain.
pub struct Villain {
    rng: Rng,
    overheard: Vec<Vec<u8>>,
    /// When it acts again.
    pub next: Time,
}

impl Villain {
    /// A villain of this seed.
    pub fn new(rng: Rng) -> Self {
        Self { rng, overheard: Vec::new(), next: Time::ms(700) }
    }

    /// The network is open: the villain sees every datagram.
    pub fn overhears(&mut self, bytes: &[u8]) {
        if self.overheard.len() < MEMORY {
            self.overheard.push(bytes.to_vec());
        } else if chance(&mut self.rng, 300) {
            let at = self.rng.below(MEMORY as u64) as usize;
            self.overheard[at] = bytes.to_vec();
        }
    }

    /// Datagrams for the relay, from strangers' and from users' addresses.
    pub fn datagrams(&mut self, now: Time, users: usize) -> Vec<(SocketAddr, Vec<u8>)> {
        self.next = now + Duration::from_millis(200 + self.rng.below(1_500));
        (0..6).map(|_| (self.source(users), self.datagram())).collect()
    }

    /// Datagrams straight at users, as if from the relay or from anywhere.
    pub fn at_users(&mut self, users: usize) -> Vec<(usize, SocketAddr, Vec<u8>)> {
        (0..4)
            .map(|_| {
                let user = self.rng.below(users as u64) as usize;
                let from = if self.rng.below(2) == 0 { server_address() } else { self.source(users) };
                (user, from, self.datagram())
            })
            .collect()
    }

    fn source(&mut self, users: usize) -> SocketAddr {
        if self.rng.below(4) == 0 {
            return address(self.rng.below(users as u64) as usize, 40_000);
        }
        address(1_000 + self.rng.below(200) as usize, self.rng.below(60_000) as u16)
    }

    fn datagram(&mut self) -> Vec<u8> {
        if !self.overheard.is_empty() && self.rng.below(2) == 0 {
            let at = self.rng.below(self.overheard.len() as u64) as usize;
            let mut bytes = self.overheard[at].clone();
            if self.rng.below(3) > 0 {
                self.flip(&mut bytes);
            }
            return bytes;
        }
        let mut bytes = vec![0; self.rng.below(200) as usize];
        self.rng.fill(&mut bytes);
        if let Some(first) = bytes.first_mut() {
            *first = [0x80, 0xc0, 0xc1, 0xc2, 0xc3, 0x00, *first][self.rng.below(7) as usize];
        }
        bytes
    }

    fn flip(&mut self, bytes: &mut [u8]) {
        if bytes.is_empty() {
            return;
        }
        let at = self.rng.below(bytes.len() as u64) as usize;
        bytes[at] ^= 1 << self.rng.below(8);
    }

    /// What a connection of the villain's own says: requests without login, or noise.
    pub fn stream(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        for _ in 0..self.rng.below(5) {
            let request = self.request();
            wire::encode_request(&request, &mut out);
        }
        if self.rng.below(2) == 0 {
            let mut noise = vec![0; self.rng.below(600) as usize];
            self.rng.fill(&mut noise);
            out.extend(noise);
        }
        out
    }

    /// Twists what a logged-in user sends: a flipped bit, a request they never made, a frame twice.
    pub fn twists(&mut self, bytes: &mut Vec<u8>) {
        match self.rng.below(60) {
            0 => self.flip(bytes),
            1..=4 => {
                let request = self.request();
                wire::encode_request(&request, bytes);
            }
            5 => bytes.extend_from_within(..),
            _ => {}
        }
    }

    fn request(&mut self) -> Request {
        let name = Name::parse(&format!("user{}", self.rng.below(8))).expect("a name");
        match self.rng.below(12) {
            0 => Request::Add(name),
            1 => Request::Accept(name),
            2 => Request::Reject(name),
            3 => Request::Remove(name),
            4 => Request::List(Some(name)),
            5 => Request::Call(vec![name]),
            6 => Request::AcceptCall(None),
            7 => Request::RejectCall(None),
            8 => Request::HangUp(None),
            9 => Request::Login(name),
            10 => Request::Call(Vec::new()),
            _ => Request::Ping,
        }
    }
}
