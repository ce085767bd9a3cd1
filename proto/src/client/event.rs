//! What the screen, the headless program and the echo friend are told. All text from others is [`Safe`].

pub use crate::call::EndReason;
pub use crate::compare::Compared;
use crate::id::{Fingerprint, MsgId, Name, Principal, Ssrc};
pub use crate::link::LinkState;
pub use crate::outbox::MessageState;
use crate::safe::Safe;
use crate::time::Wall;
use crate::wire::record::{Presence, Standing, Why};

/// What an [`Event::Refused`] refuses: several commands may wait for the server at once, and answers overtake each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matter {
    /// How one stands with them, or what is known of their key: [`super::Command::Add`], `Greet`, `Accept`, `Reject`,
    /// `Remove`, `Verify` or `AcceptIdentity`.
    Contact(Name),
    /// What one says with a request; the request itself stands.
    Greeting(Name),
    /// [`super::Command::Ban`].
    Ban(Name),
    /// [`super::Command::Unban`].
    Unban(Principal),
    /// [`super::Command::Redeem`].
    Redeem,
    /// [`super::Command::Invite`].
    Invite,
    /// [`super::Command::Compare`].
    Words(Name),
    /// [`super::Command::Say`].
    Text {
        /// To whom.
        to: Name,
        /// Which, as it was said.
        echo: u64,
    },
    /// A call: [`super::Command::Call`], `Answer`, `Decline`, `HangUp` or `AllowPlain`; or one that was left out.
    Call,
    /// Anything else: who one is to the server.
    Login,
}

/// One event, in the order things happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The connection's state changed.
    Link(LinkState),
    /// A server key nobody has pinned; say [`super::Command::TrustServer`] to go on.
    ServerKeyUnknown(Fingerprint),
    /// The server's key is not the pinned one. Nothing was sent and nothing will be: a full stop.
    ServerKeyChanged {
        /// What is pinned.
        pinned: Fingerprint,
        /// What the server showed.
        shown: Fingerprint,
    },
    /// Connected and pinned, but there is no name yet: say [`super::Command::Join`].
    NameWanted,
    /// Logged in. Comes after every reconnect too.
    LoggedIn(Name),
    /// The login was refused, for good until something changes: a taken name, a missing invite.
    LoginRefused {
        /// For programs.
        why: Why,
        /// For people: what happened and what to do.
        text: Safe,
    },
    /// The whole contact list.
    Contacts(Vec<ContactInfo>),
    /// One contact is new or changed (standing, presence, session, identity).
    Contact(ContactInfo),
    /// No longer a contact, nor asked or asking.
    Gone(Name),
    /// Somebody asks to be a contact. Their [`Event::Contact`] came before.
    Request(Name),
    /// What they say with it, opened here. After their [`Event::Request`], each time that was told; or after our yes,
    /// which overtook it.
    Greeting {
        /// Who asks.
        from: Name,
        /// One line, at most [`crate::limits::GREETING_BYTES_MAX`] bytes.
        text: Safe,
    },
    /// One's request reached them.
    Requested(Name),
    /// They accepted, or an invite made the contact.
    Accepted(Name),
    /// They dismissed the request.
    Rejected(Name),
    /// A text is in the outbox, saved.
    Waiting {
        /// To whom.
        to: Name,
        /// As the command said.
        echo: u64,
        /// Its id from now on.
        id: MsgId,
    },
    /// What became of a text.
    MessageState {
        /// To whom.
        to: Name,
        /// Which.
        id: MsgId,
        /// What.
        state: MessageState,
    },
    /// A text from a contact, saved and shown once.
    Said {
        /// From whom.
        from: Name,
        /// Their id of it.
        id: MsgId,
        /// When they say they sent it.
        sent: Wall,
        /// The text.
        text: Safe,
    },
    /// Somebody calls: their sealed offer was opened and the relay is being bound. No microphone is open.
    Incoming {
        /// Who calls.
        from: Name,
        /// Who else is in the call or invited to it.
        others: Vec<Name>,
        /// Which of all these are guests. They need not be contacts of ours.
        guests: Vec<Name>,
        /// It is not encrypted.
        plain: bool,
    },
    /// The call is being placed.
    Calling {
        /// Who is called.
        to: Vec<Name>,
        /// It is not encrypted.
        plain: bool,
    },
    /// A device of theirs rings.
    Ringing(Name),
    /// Somebody is in the call, which is up from the first of these on, whatever was known of it before; `ssrc` is whose
    /// level and volume are whose.
    Joined {
        /// Who.
        who: Name,
        /// Their stream.
        ssrc: Ssrc,
        /// The call is not encrypted: the same for everybody in it, and what people must be shown.
        plain: bool,
    },
    /// The first packet of theirs was opened.
    Heard(Name),
    /// Somebody who was in the call or invited to it is out. It goes on without them.
    Parted {
        /// Who.
        who: Name,
        /// Why.
        reason: EndReason,
    },
    /// The call, or the ringing, is over.
    Ended {
        /// With whom it was.
        with: Vec<Name>,
        /// Why.
        reason: EndReason,
    },
    /// What was wanted, a call or an answer, would not be encrypted because of these, and nobody said yes to that
    /// yet: say [`super::Command::AllowPlain`] for each and the command again.
    PlainUnconfirmed(Vec<Name>),
    /// One's own invite, a `tincan://` link.
    Invite(String),
    /// A command could not be done.
    Refused {
        /// What it was about.
        of: Matter,
        /// For programs.
        why: Why,
        /// For people.
        text: Safe,
    },
    /// The principal behind a contact's name is not the pinned one; [`ContactInfo::replaced_by`] names it. Nothing is
    /// sent until the contact is removed, or [`super::Command::AcceptIdentity`] says that the new one is theirs.
    IdentityChanged(Name),
    /// A human said that the new principal is theirs. It is not verified.
    IdentityAccepted {
        /// The name.
        name: Name,
        /// Whom it meant.
        old: Principal,
        /// Whom it means.
        new: Principal,
    },
    /// What came of comparing words with somebody in the call. Also when they began it.
    Compared {
        /// With whom.
        who: Name,
        /// What.
        compared: Compared,
    },
    /// Everybody who is blocked, whenever that changes, and asked for by [`super::Command::Bans`].
    Banned(Vec<Banned>),
}

/// Somebody of whom nothing is to be heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banned {
    /// Who.
    pub principal: Principal,
    /// What they were called when they were blocked.
    pub name: Name,
    /// Since when.
    pub since: Wall,
}

/// A contact as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactInfo {
    /// The label.
    pub name: Name,
    /// Who it is, pinned at first sight.
    pub principal: Principal,
    /// How one stands.
    pub standing: Standing,
    /// Whether they are there.
    pub presence: Presence,
    /// The name now means somebody else, or a comparison found another key: nothing is sent, and nothing heard, until a
    /// human decided.
    pub blocked: bool,
    /// Whom the name means now, if not `principal`. Trusted by nobody.
    pub replaced_by: Option<Principal>,
    /// People compared, and it did not match.
    pub differs: bool,
    /// When people compared and it matched, of this very key.
    pub verified: Option<Wall>,
    /// What they say with their request, while it waits: one line.
    pub greeting: Option<Safe>,
}

impl ContactInfo {
    /// Somebody about whom nothing more is known.
    pub fn new(name: Name, principal: Principal, standing: Standing, presence: Presence) -> Self {
        Self {
            name,
            principal,
            standing,
            presence,
            blocked: false,
            replaced_by: None,
            differs: false,
            verified: None,
            greeting: None,
        }
    }
}
