//! Who thinks: the machine of the protocol that is spoken. The session hears the same from either and tells the same
//! to either; what only one of them knows ends here.

use std::net::SocketAddr;

use proto::client::{Client, Command, Event, Input, LinkUp, Output, Save};
use proto::crypto::identity::AccountKey;
use proto::media::{CallCommand, CallEvent};
use proto::plain::{self, PeerId, PeerInput, PeerOutput, PlainClient};
use proto::{Drop, Now, Time};

/// The machine.
pub(super) enum Mind {
    /// tincan's own protocol, and the key that signs for it.
    Native(Box<Client>, Box<AccountKey>),
    /// One of the plain ones.
    Plain(Box<PlainClient>),
}

/// What the machine wants done.
pub(super) enum Act {
    Save(Save),
    Stream(Vec<u8>),
    Agent(CallCommand),
    Event(Event),
    Connect,
    Disconnect,
    Peer(PeerId, PeerOutput),
    Drop(Drop),
}

impl Mind {
    pub(super) fn command(&mut self, command: Command, now: Now) {
        match self {
            Self::Native(client, _) => client.handle(Input::Command(command), now),
            Self::Plain(client) => client.handle(plain::Input::Command(command), now),
        }
    }

    pub(super) fn bytes(&mut self, bytes: &[u8], now: Now) {
        match self {
            Self::Native(client, _) => client.handle(Input::Bytes(bytes), now),
            Self::Plain(client) => client.handle(plain::Input::Bytes(bytes), now),
        }
    }

    pub(super) fn agent(&mut self, event: CallEvent, now: Now) {
        match self {
            Self::Native(client, _) => client.handle(Input::Agent(event), now),
            Self::Plain(client) => client.handle(plain::Input::Agent(event), now),
        }
    }

    /// A connection with TLS is there, which only our own protocol makes.
    pub(super) fn up(&mut self, up: LinkUp, now: Now) {
        match self {
            Self::Native(client, _) => client.handle(Input::LinkUp(up), now),
            Self::Plain(_) => {}
        }
    }

    /// A connection without TLS is there, which our own protocol never makes.
    pub(super) fn up_plain(&mut self, local: SocketAddr, now: Now) {
        match self {
            Self::Native(..) => {}
            Self::Plain(client) => client.handle(plain::Input::LinkUp { local }, now),
        }
    }

    pub(super) fn down(&mut self, now: Now) {
        match self {
            Self::Native(client, _) => client.handle(Input::LinkDown, now),
            Self::Plain(client) => client.handle(plain::Input::LinkDown, now),
        }
    }

    pub(super) fn peer(&mut self, id: PeerId, input: PeerInput<'_>, now: Now) {
        match self {
            Self::Native(..) => {}
            Self::Plain(client) => client.handle(plain::Input::Peer(id, input), now),
        }
    }

    pub(super) fn timeout(&mut self, now: Now) {
        match self {
            Self::Native(client, _) => client.handle(Input::Timeout, now),
            Self::Plain(client) => client.handle(plain::Input::Timeout, now),
        }
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        match self {
            Self::Native(client, _) => client.deadline(),
            Self::Plain(client) => client.deadline(),
        }
    }

    /// What is to be done next. Signatures are made on the way.
    pub(super) fn poll(&mut self, now: Now) -> Option<Act> {
        match self {
            Self::Native(client, key) => loop {
                return Some(match client.poll()? {
                    Output::Sign { id, namespace, bytes } => {
                        let sshsig = Some(key.sign(namespace, &bytes));
                        client.handle(Input::Signed { id, sshsig }, now);
                        continue;
                    }
                    Output::Save(save) => Act::Save(save),
                    Output::Stream(bytes) => Act::Stream(bytes),
                    Output::Agent(command) => Act::Agent(command),
                    Output::Event(event) => Act::Event(event),
                    Output::Connect => Act::Connect,
                    Output::Disconnect => Act::Disconnect,
                    Output::Drop(reason) => Act::Drop(reason),
                });
            },
            Self::Plain(client) => Some(match client.poll()? {
                plain::Output::Save(save) => Act::Save(save),
                plain::Output::Stream(bytes) => Act::Stream(bytes),
                plain::Output::Agent(command) => Act::Agent(command),
                plain::Output::Event(event) => Act::Event(event),
                plain::Output::Connect => Act::Connect,
                plain::Output::Disconnect => Act::Disconnect,
                plain::Output::Peer(id, output) => Act::Peer(id, output),
                plain::Output::Drop(reason) => Act::Drop(reason),
            }),
        }
    }
}
