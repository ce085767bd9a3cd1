//! What both plain protocols share: the connection, the name, the contacts, and the way out.
//!
//! ```text
//!       up            greeted, named           201, or 2
//! Away ───▶ Greeting ─────────────────▶ Asked ──────────▶ In
//!                │ greeted              │  ▲               │
//!                └──────────▶ Nameless ◀┴──┘◀──────────────┘ 401, or 3
//! ```
//!
//! Nobody is ever in under a name that the server gave to somebody else: whoever is put out is asked for a name again,
//! and their contacts and calls went with the name.

use std::collections::VecDeque;

use crate::Rng;
use crate::client::{Event, Kind, Matter, Row, Save};
use crate::drop::Drop;
use crate::id::{CallId, Name};
use crate::limits::PLAIN_NAME_TRIES_MAX;
use crate::link::{self, Link};
use crate::media::CallCommand;
use crate::plain::Output;
use crate::plain::contacts::Contacts;
use crate::plain::paced::Paced;
use crate::safe::Safe;
use crate::time::Time;
use crate::wire::record::{Standing, Why};

/// How far the login is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Login {
    /// No connection.
    Away,
    /// The server has not greeted yet.
    Greeting,
    /// Nobody said who we are, with a connection or without.
    Nameless,
    /// The name was sent.
    Asked,
    /// Logged in.
    In,
}

/// What both plain protocols share.
#[derive(Debug)]
pub(super) struct Base {
    pub(super) link: Link,
    pub(super) login: Login,
    pub(super) contacts: Contacts,
    pub(super) name: Option<Name>,
    /// What goes to the server.
    pub(super) server: Paced,
    /// As the store has it.
    saved: Option<Name>,
    /// Times the name may still be taken by our own old connection, since the server let us in under it before.
    tries_left: u32,
    rng: Rng,
    pub(super) out: VecDeque<Output>,
}

impl Base {
    pub(super) fn new(rows: &[Row], link: Link, contacts: Contacts, rng: Rng) -> Self {
        let row = rows.iter().find(|row| row.kind == Kind::Profile);
        let name = row.and_then(|row| Name::parse(core::str::from_utf8(&row.value).ok()?).ok());
        Self {
            link,
            login: Login::Away,
            contacts,
            saved: name.clone(),
            name,
            server: Paced::default(),
            tries_left: 0,
            rng,
            out: VecDeque::new(),
        }
    }

    // --- the way out ---

    pub(super) fn tell(&mut self, event: Event) {
        self.out.push_back(Output::Event(event));
    }

    pub(super) fn agent(&mut self, command: CallCommand) {
        self.out.push_back(Output::Agent(command));
    }

    pub(super) fn drop(&mut self, why: Drop) {
        self.out.push_back(Output::Drop(why));
    }

    pub(super) fn refuse(&mut self, of: Matter, why: Why, text: &str) {
        self.tell(Event::Refused { of, why, text: Safe::line(text) });
    }

    /// Nothing here proves who somebody is.
    pub(super) fn refuse_proof(&mut self, of: Matter) {
        let text = "this server's protocol proves no names: there is nobody to verify or to block";
        self.refuse(of, Why::Unsupported, text);
    }

    /// Queues a packet for the server.
    pub(super) fn send(&mut self, packet: Vec<u8>) {
        if !self.server.push(packet) {
            self.drop(Drop::Full);
        }
    }

    /// A name for a call: the plain protocols have none.
    pub(super) fn new_call(&mut self) -> CallId {
        CallId(self.rng.bytes())
    }

    // --- login ---

    pub(super) fn is_in(&self) -> bool {
        self.login == Login::In
    }

    /// True if the server can be asked; otherwise says that `what` cannot be done.
    pub(super) fn can_ask(&mut self, of: Matter, what: &str) -> bool {
        if !self.is_in() {
            let text = format!("{what}: there is no connection to the server; try again later");
            self.refuse(of, Why::NotLoggedIn, &text);
        }
        self.is_in()
    }

    /// The server may be told who we are: the name, if there is one.
    pub(super) fn greeted(&mut self) -> Option<Name> {
        if self.name.is_none() {
            self.want_name();
            return None;
        }
        self.login = Login::Asked;
        self.name.clone()
    }

    /// Asks a human who we are, for as long as it takes.
    pub(super) fn want_name(&mut self) {
        self.login = Login::Nameless;
        self.link.hold(true);
        self.tell(Event::NameWanted);
    }

    /// A human chose a name; the name if it is to be sent now.
    pub(super) fn join(&mut self, name: Name, now: Time) -> Option<Name> {
        match self.login {
            Login::Asked | Login::In => {
                self.refuse(Matter::Login, Why::LoggedIn, "the server knows who you are already");
                None
            }
            Login::Away | Login::Greeting => {
                self.name = Some(name);
                self.link.hold(false);
                if !self.link.is_up() {
                    self.link.handle(link::Act::Go, now);
                }
                None
            }
            Login::Nameless if !self.link.is_up() => {
                self.name = Some(name);
                self.login = Login::Away;
                self.link.hold(false);
                self.link.handle(link::Act::Go, now);
                None
            }
            Login::Nameless => {
                self.name = Some(name);
                self.link.hold(false);
                // The time for the login begins when there is a name to log in with.
                self.link.handle(link::Act::Up, now);
                self.greeted()
            }
        }
    }

    pub(super) fn logged_in(&mut self, now: Time) {
        let Some(name) = self.name.clone() else { return };
        self.login = Login::In;
        self.tries_left = PLAIN_NAME_TRIES_MAX;
        self.link.handle(link::Act::Settled, now);
        if self.saved.as_ref().is_none_or(|saved| saved.as_str() != name.as_str()) {
            let (key, value) = (Kind::PROFILE_KEY.into(), Some(name.as_str().into()));
            self.out.push_back(Output::Save(Save { kind: Kind::Profile, key, value }));
            self.saved = Some(name.clone());
        }
        self.tell(Event::LoggedIn(name));
    }

    /// Whether a name that is taken may be so by our connection of before, of which the server does not know yet that
    /// it is dead; then this connection is given up and another made later.
    pub(super) fn wait_for_old(&mut self, now: Time) -> bool {
        let may_be_ours = self.tries_left > 0;
        if may_be_ours {
            self.tries_left -= 1;
            self.link.handle(link::Act::Retry, now);
        }
        may_be_ours
    }

    /// The server does not take the name, or has given it to somebody else. Whom it knew is no concern of the next.
    pub(super) fn bar(&mut self, why: Why, text: &str) {
        self.login = Login::Nameless;
        self.name = None;
        self.tries_left = 0;
        self.contacts.clear();
        self.server.forget();
        self.link.hold(true);
        self.tell(Event::LoginRefused { why, text: Safe::line(text) });
    }

    /// The connection is gone.
    pub(super) fn disconnected(&mut self) {
        if self.login != Login::Nameless {
            self.login = Login::Away;
        }
        self.server.clear();
    }

    // --- contacts ---

    /// Sets how one stands with somebody, and says so.
    pub(super) fn stand(&mut self, name: &Name, standing: Standing) {
        match self.contacts.set(name, standing) {
            Some(info) => self.tell(Event::Contact(info)),
            None => self.drop(Drop::Full),
        }
    }

    pub(super) fn forget(&mut self, name: &Name) {
        if self.contacts.forget(name) {
            self.tell(Event::Gone(name.clone()));
        }
    }

    /// Whether it is our own name.
    pub(super) fn is_me(&self, name: &Name) -> bool {
        self.name.as_ref() == Some(name)
    }

    /// Somebody asks to be a contact.
    pub(super) fn asked_by(&mut self, name: &Name) {
        let waiting = self.contacts.asking();
        if self.is_me(name) || self.contacts.standing(name) == Standing::Asking {
            return self.drop(Drop::OutOfTurn);
        }
        if waiting >= crate::limits::REQUESTS_WAITING_MAX {
            return self.drop(Drop::Full);
        }
        self.stand(name, Standing::Asking);
        self.tell(Event::Request(name.clone()));
    }
}
