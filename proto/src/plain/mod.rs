//! A client of the two plain protocols: what `tincan --protocol binary` (seed A) and `--protocol text` (seed B) are,
//! against any server of that kind, the original programs included. It takes the commands and tells the events of
//! [`crate::client`], so that screen and scripts need not know which protocol is spoken.
//!
//! Nothing here is encrypted and nobody is verified: every contact is a guest, every call is told as plain.
//!
//! Four rules keep the original programs well (seeds, "Reading behaviour"):
//!
//! * each [`Output::Stream`] is one packet and must be one write; they come [`crate::limits::PLAIN_GAP`] apart;
//! * nothing but the login goes out before the server has let us in, and no name has a character of SQL;
//! * nobody connects to a server of seed B without a name to log in with at once;
//! * what they answer with silence is not waited for.
//!
//! [`binary`] and [`text`] are the two protocols, each with its calls; [`base`] is what they share, [`contacts`]
//! who one knows, [`paced`] the distance between packets.

use core::net::{IpAddr, SocketAddr};

use crate::Rng;
use crate::client::{Command, Event, Matter, Row, Save};
use crate::drop::Drop;
use crate::id::Name;
use crate::link::{self, Link};
use crate::media::{CallCommand, CallEvent};
use crate::plain::base::{Base, Login};
use crate::plain::binary::Binary;
use crate::plain::contacts::Contacts;
use crate::plain::text::Text;
use crate::time::{Now, Time, earliest};
use crate::wire::record::Why;

mod base;
mod binary;
mod contacts;
mod paced;
#[cfg(test)]
mod tests;
mod text;

/// Which plain protocol is spoken, and what it needs from the outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Seed A.
    Binary {
        /// The local address for voice; none for that of the connection to the server.
        bind: Option<IpAddr>,
    },
    /// Seed B.
    Text {
        /// Where the shell listens for callers by TCP, and where voice is to come by UDP.
        listen: SocketAddr,
    },
}

/// A connection to another client, in seed B.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PeerId {
    /// They called; numbered by the shell.
    Came(u32),
    /// We called; numbered by the machine.
    Dialled(u32),
}

/// What goes in.
#[derive(Debug)]
pub enum Input<'a> {
    /// The user wants something.
    Command(Command),
    /// Bytes from the server, cut anywhere.
    Bytes(&'a [u8]),
    /// The agent says something.
    Agent(CallEvent),
    /// The connection that [`Output::Connect`] asked for is there.
    LinkUp {
        /// Our end's address.
        local: SocketAddr,
    },
    /// It is gone, or could not be made.
    LinkDown,
    /// A connection to another client.
    Peer(PeerId, PeerInput<'a>),
    /// The deadline passed.
    Timeout,
}

/// What happens to a connection to another client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerInput<'a> {
    /// Somebody connected, from there.
    Came(SocketAddr),
    /// What [`PeerOutput::Dial`] asked for is there.
    Up,
    /// They said this, cut anywhere.
    Bytes(&'a [u8]),
    /// It is gone, or could not be made.
    Down,
}

/// What comes out, strictly in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Write to the store. The one row is of [`crate::client::Kind::Profile`], the name as text.
    Save(Save),
    /// Send to the server, in one write.
    Stream(Vec<u8>),
    /// Tell the agent.
    Agent(CallCommand),
    /// Tell the user.
    Event(Event),
    /// Make a connection to the server now, and close the old one if there is one.
    Connect,
    /// Close the connection; do not make another.
    Disconnect,
    /// About a connection to another client.
    Peer(PeerId, PeerOutput),
    /// Something that came in was not used.
    Drop(Drop),
}

/// What is to be done with a connection to another client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerOutput {
    /// Make it.
    Dial(SocketAddr),
    /// Send, in one write.
    Stream(Vec<u8>),
    /// Close it. Nothing more of it is to be told.
    Close,
}

#[derive(Debug)]
enum Form {
    Binary(Box<Binary>),
    Text(Box<Text>),
}

/// One user's end of a plain protocol.
#[derive(Debug)]
pub struct PlainClient {
    base: Base,
    form: Form,
    /// The latest time told; it never goes back.
    clock: Time,
}

impl PlainClient {
    /// A client that begins to connect at once, or asks for a name first. `rows` are all rows it ever saved.
    pub fn new(protocol: Protocol, rows: &[Row], mut rng: Rng, now: Now) -> Self {
        let link_rng = rng.child("link");
        let (link, contacts, form) = match protocol {
            Protocol::Binary { bind } => {
                (Link::new(link_rng), Contacts::new(false), Form::Binary(Box::new(Binary::new(bind))))
            }
            Protocol::Text { listen } => {
                let link = Link::unanswered(link_rng);
                (link, Contacts::new(true), Form::Text(Box::new(Text::new(listen))))
            }
        };
        let mut client = Self { base: Base::new(rows, link, contacts, rng), form, clock: now.mono };
        // Somebody on seed B's server who is not logged in may be the end of it: there must be a name first.
        if client.base.name.is_none() && matches!(client.form, Form::Text(_)) {
            client.base.want_name();
        } else {
            client.base.link.handle(link::Act::Go, now.mono);
        }
        client.settle(now.mono);
        client
    }

    /// Takes one input.
    pub fn handle(&mut self, input: Input<'_>, now: Now) {
        debug_assert!(now.mono >= self.clock, "time does not go back");
        self.clock = now.mono;
        let now = now.mono;
        match input {
            Input::Command(command) => self.command(command, now),
            Input::Bytes(bytes) => self.bytes(bytes, now),
            Input::Agent(event) => match &mut self.form {
                Form::Binary(binary) => binary.agent(event, &mut self.base, now),
                Form::Text(text) => text.agent(event, &mut self.base, now),
            },
            Input::LinkUp { local } => self.link_up(local, now),
            Input::LinkDown => {
                self.base.link.handle(link::Act::Down, now);
                self.disconnected(now);
            }
            Input::Peer(id, input) => match &mut self.form {
                Form::Binary(_) => self.base.drop(Drop::Stranger),
                Form::Text(text) => text.peer(id, input, &mut self.base, now),
            },
            Input::Timeout => self.timeout(now),
        }
        self.settle(now);
    }

    /// The next output. Drained to `None` after every [`PlainClient::handle`], and once after [`PlainClient::new`].
    pub fn poll(&mut self) -> Option<Output> {
        self.base.out.pop_front()
    }

    /// When [`Input::Timeout`] is due.
    pub fn deadline(&self) -> Option<Time> {
        let form = match &self.form {
            Form::Binary(binary) => binary.deadline(),
            Form::Text(text) => text.deadline(),
        };
        earliest(form, earliest(self.base.link.deadline(), self.base.server.deadline()))
    }

    fn command(&mut self, command: Command, now: Time) {
        let Self { base, form, .. } = self;
        let wish = match command {
            Command::Join(name) => {
                if let Some(name) = base.join(name, now) {
                    form.log_in(&name, base);
                }
                return;
            }
            Command::Add(name) => Wish::Add(name),
            Command::Greet { to, text } => {
                if !text.is_empty() {
                    let what = format!(
                        "your message does not go to {to}: this server's protocol has none with requests"
                    );
                    base.refuse(Matter::Greeting(to.clone()), Why::Unsupported, &what);
                }
                Wish::Add(to)
            }
            Command::Accept(name) => Wish::Accept(name),
            Command::Reject(name) => Wish::Reject(name),
            Command::Remove(name) => Wish::Remove(name),
            Command::Call(names) => Wish::Call(names),
            Command::Answer => Wish::Answer,
            Command::Decline => Wish::Decline,
            Command::HangUp => Wish::HangUp,
            Command::Contacts => {
                let list = base.contacts.list();
                return base.tell(Event::Contacts(list));
            }
            Command::Reconnect => return self.reconnect(now),
            Command::Say { to, echo, .. } => {
                let text =
                    format!("the text to {to} was not sent: this server's protocol has calls, but no texts");
                return base.refuse(Matter::Text { to, echo }, Why::Unsupported, &text);
            }
            Command::Invite => {
                let text =
                    "cannot make an invite: this server's protocol has none; add people by their names";
                return base.refuse(Matter::Invite, Why::Unsupported, text);
            }
            Command::Redeem(_) => {
                let text = "this server's protocol has no invites; add people by their names";
                return base.refuse(Matter::Redeem, Why::Unsupported, text);
            }
            Command::Compare(name) => return base.refuse_proof(Matter::Words(name)),
            Command::Verify { name, .. } | Command::AcceptIdentity { name, .. } => {
                return base.refuse_proof(Matter::Contact(name));
            }
            Command::Ban(name) => return base.refuse_proof(Matter::Ban(name)),
            Command::Unban(who) => return base.refuse_proof(Matter::Unban(who)),
            Command::Bans => return base.tell(Event::Banned(Vec::new())),
            // There is no key to trust, everything is plain, and whoever is a contact was asked or asked us.
            Command::TrustServer | Command::AllowPlain(_) | Command::WelcomeAll => return,
        };
        match form {
            Form::Binary(binary) => binary.wish(wish, base, now),
            Form::Text(text) => text.wish(wish, base, now),
        }
    }

    fn reconnect(&mut self, now: Time) {
        if !self.base.is_in() && self.base.login != Login::Nameless {
            self.disconnected(now);
            self.base.link.hold(false);
            self.base.link.handle(link::Act::Go, now);
        }
    }

    fn link_up(&mut self, local: SocketAddr, now: Time) {
        self.base.link.handle(link::Act::Up, now);
        if !self.base.link.is_up() {
            return;
        }
        self.base.disconnected();
        self.base.login = Login::Greeting;
        match &mut self.form {
            Form::Binary(binary) => binary.link_up(local),
            Form::Text(text) => text.link_up(&mut self.base, now),
        }
    }

    fn bytes(&mut self, bytes: &[u8], now: Time) {
        if !self.base.link.is_up() {
            return;
        }
        self.base.link.handle(link::Act::Heard, now);
        match &mut self.form {
            Form::Binary(binary) => binary.bytes(bytes, &mut self.base, now),
            Form::Text(text) => text.bytes(bytes, &mut self.base, now),
        }
    }

    fn disconnected(&mut self, now: Time) {
        match &mut self.form {
            Form::Binary(binary) => binary.disconnected(&mut self.base),
            Form::Text(text) => text.disconnected(&mut self.base, now),
        }
        self.base.disconnected();
    }

    fn timeout(&mut self, now: Time) {
        self.base.link.handle(link::Act::Timeout, now);
        match &mut self.form {
            Form::Binary(binary) => binary.timeout(&mut self.base, now),
            Form::Text(text) => text.timeout(&mut self.base, now),
        }
    }

    /// Carries effects on until nothing is left to be done.
    fn settle(&mut self, now: Time) {
        while let Some(effect) = self.base.link.poll() {
            match effect {
                link::Effect::Connect => self.base.out.push_back(Output::Connect),
                link::Effect::Disconnect => {
                    self.base.out.push_back(Output::Disconnect);
                    self.disconnected(now);
                }
                link::Effect::Ping => match &mut self.form {
                    Form::Binary(binary) => binary.ask_list(&mut self.base, now),
                    Form::Text(text) => text.ping(&mut self.base),
                },
                link::Effect::State(state) => self.base.tell(Event::Link(state)),
                link::Effect::Drop(why) => {
                    if why == Drop::TooLate {
                        let protocol = self.form.in_words();
                        let text = format!(
                            "the server takes connections and does not answer as one of the {protocol} protocol does; \
                             look whether its port and --protocol are the right ones"
                        );
                        self.base.refuse(Matter::Login, Why::NotLoggedIn, &text);
                    }
                    self.base.drop(why);
                }
            }
        }
        if let Form::Text(text) = &mut self.form {
            text.flush(&mut self.base, now);
        }
        while let Some(packet) = self.base.server.next(now) {
            self.base.out.push_back(Output::Stream(packet));
        }
    }
}

impl Form {
    fn in_words(&self) -> &'static str {
        match self {
            Self::Binary(_) => "binary",
            Self::Text(_) => "text",
        }
    }

    fn log_in(&self, name: &Name, base: &mut Base) {
        base.send(match self {
            Self::Binary(_) => binary::login(name),
            Self::Text(_) => text::login(name),
        });
    }
}

/// What a user may want of a server or of others.
#[derive(Debug)]
enum Wish {
    Add(Name),
    Accept(Name),
    Reject(Name),
    Remove(Name),
    Call(Vec<Name>),
    Answer,
    Decline,
    HangUp,
}
