//! Who one knows at this server: names, the principals pinned behind them, how one stands, who is there.
//!
//! 352 alone moves it; 203, 204, 205 and 207 only confirm. Three promises:
//!
//! * The first principal seen behind a name is pinned. Another one blocks the contact and says so.
//! * A contact is mutual only if one wanted it: asked, accepted, gave the invite, or used one. What the server
//!   calls mutual beyond that is shown as a request, so that it cannot make contacts.
//! * What disappeared while one was away is found by the list (206) that follows the login's 352s.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use minicbor::{Decode, Encode};

use crate::client::event::{ContactInfo, Event};
use crate::client::state::{Kind, Save};
use crate::drop::Drop;
use crate::id::{Fingerprint, Name, Principal};
use crate::invite::token_hash;
use crate::limits::{BANNED_MAX, CONTACTS_MAX, REQUESTS_PENDING_MAX, TOKENS_PER_ACCOUNT_MAX};
use crate::time::Wall;
use crate::wire::record::{Presence, Standing};

mod greeting;
mod parting;
mod told;
mod trust;
mod yes;

use greeting::Asking;
use parting::Former;
use trust::{Ban, Trust};

/// What the list wants done.
#[derive(Debug)]
pub(crate) enum Effect {
    Save(Save),
    Tell(Event),
    /// This account is a contact with this newest device entry: know its devices.
    Meet(Fingerprint, [u8; 32]),
    /// It is there, or not.
    Reachable(Fingerprint, bool),
    /// It is no contact any more: forget what was kept for it.
    Part(Fingerprint),
    /// Something is to be sealed for this account, which we ask, with this newest device entry.
    Greet(Fingerprint, [u8; 32]),
    /// Say to the server that this is no contact.
    Unfriend(Name),
    /// Say to the server once more that the user wants them no longer.
    PartAgain(Name),
    /// Nothing goes to them and comes from them any longer, in calls, too.
    Shun(Principal),
    Drop(Drop),
}

/// One contact as kept.
#[derive(Clone, Debug, Encode, Decode)]
#[cbor(map)]
struct Friend {
    #[n(0)]
    name: Name,
    #[n(1)]
    principal: Principal,
    /// As the server says.
    #[n(2)]
    standing: Standing,
    /// We asked, accepted, or an invite of ours or for us stands behind it.
    #[n(3)]
    wanted: bool,
    /// The name means another principal: nothing goes out until a human decided.
    #[n(4)]
    blocked: bool,
    /// Which one; `standing` is about that one then.
    #[n(5)]
    replaced_by: Option<Principal>,
    /// While they ask: what they say with it. While we do: what we say, until the server has it.
    #[n(6)]
    greeting: Option<String>,
    #[cbor(skip)]
    here: Here,
}

/// What is known only while connected.
#[derive(Clone, Debug, Default)]
struct Here {
    presence: Option<Presence>,
    /// Named by a 352 since the login.
    listed: bool,
    /// Their request was told to people already.
    request_told: bool,
}

impl Friend {
    /// How one stands, as people are told: see the second promise.
    fn standing(&self) -> Standing {
        match self.standing {
            Standing::Mutual if !self.wanted => Standing::Asking,
            Standing::None | Standing::Asked | Standing::Asking | Standing::Mutual => self.standing,
        }
    }

    fn info_presence(&self) -> Presence {
        self.here.presence.unwrap_or(Presence::Offline)
    }
}

/// The contacts of one client.
#[derive(Debug, Default)]
pub(crate) struct Contacts {
    friends: BTreeMap<String, Friend>,
    names: BTreeMap<Fingerprint, String>,
    /// Guests with whom a human agreed to calls that are not encrypted.
    plain_yes: BTreeSet<String>,
    /// Hashes of the tokens we issued, and when they end.
    tokens: BTreeMap<[u8; 32], Wall>,
    /// 005s said and 206s heard on this connection: the answers to all before a 206 came before it.
    lists_asked: u32,
    lists_heard: u32,
    /// The first login of this profile: what is mutual before this 206 was made with the account.
    all_welcome_until: u32,
    /// A token was redeemed: one that becomes mutual before this 206 is its owner.
    one_welcome_until: u32,
    /// Whoever the server calls a contact is one.
    open_house: bool,
    /// Whose dismissal the last 352 showed; 204 says the word.
    dismissed: Option<Name>,
    /// Whom we asked since the start, the oldest first: what the server says we asked proves nothing.
    asked: VecDeque<Asking>,
    /// Accounts that we ask, and for which what we say with it is not sealed yet on this connection.
    to_greet: BTreeSet<Fingerprint>,
    /// What people said about keys after they compared, whether these are contacts or not.
    trust: BTreeMap<Fingerprint, Trust>,
    /// Whom we do not want to hear of.
    bans: BTreeMap<Principal, Ban>,
    /// Whose the names were that vanished without our doing.
    former: BTreeMap<String, Former>,
    /// Whom the user wants no longer, until the server says so too; and whether they were wanted until then.
    parting: BTreeMap<String, bool>,
    /// Whom the user removed and did not want again since; the how manieth each was: the oldest makes room.
    removed: BTreeMap<Principal, u64>,
    out: VecDeque<Effect>,
}

impl Contacts {
    fn info(&self, friend: &Friend) -> ContactInfo {
        let differs = self.differs(friend);
        // What is about somebody else is not shown as if it were theirs: a blocked friend stays where they were.
        let standing = if friend.blocked { Standing::Mutual } else { friend.standing() };
        ContactInfo {
            verified: self.verified(friend),
            differs,
            replaced_by: friend.replaced_by.clone(),
            blocked: friend.blocked || differs,
            greeting: self.greeting(friend),
            ..ContactInfo::new(
                friend.name.clone(),
                friend.principal.clone(),
                standing,
                friend.info_presence(),
            )
        }
    }

    /// May be called, and call us.
    fn is_callable(&self, friend: &Friend) -> bool {
        !friend.blocked && !self.differs(friend) && friend.standing() == Standing::Mutual
    }

    /// The account that may be written to as well: guests have no program for texts.
    fn usable(&self, friend: &Friend) -> Option<Fingerprint> {
        match &friend.principal {
            Principal::Key(fp) if self.is_callable(friend) => Some(*fp),
            Principal::Key(_) | Principal::Guest(_) => None,
        }
    }

    /// Takes back a row of [`Kind::Contact`], [`Kind::Token`] or [`Kind::PlainYes`]; rows that cannot be read are
    /// forgotten.
    pub(crate) fn restore(&mut self, kind: Kind, key: &[u8], value: &[u8]) {
        if kind == Kind::PlainYes {
            self.plain_yes.extend(core::str::from_utf8(key).ok().map(str::to_owned));
            return;
        }
        if kind == Kind::Token {
            let (Ok(hash), Ok(end)) = (key.try_into(), value.try_into()) else { return };
            self.tokens.insert(hash, Wall(u64::from_be_bytes(end)));
            return;
        }
        if kind != Kind::Contact {
            return self.restore_trust(kind, key, value);
        }
        let Ok(friend) = minicbor::decode::<Friend>(value) else { return };
        if let Principal::Key(fp) = &friend.principal {
            self.names.insert(*fp, friend.name.folded());
        }
        self.friends.insert(friend.name.folded(), friend);
    }

    pub(crate) fn poll(&mut self) -> Option<Effect> {
        self.out.pop_front()
    }

    // --- what others ask ---

    /// The account behind a contact that may be written to and called.
    pub(crate) fn reachable_as(&self, name: &Name) -> Option<Fingerprint> {
        self.friends.get(&name.folded()).and_then(|friend| self.usable(friend))
    }

    /// Who stands behind a contact that may be called.
    pub(crate) fn callable(&self, name: &Name) -> Option<Principal> {
        let friend = self.friends.get(&name.folded()).filter(|friend| self.is_callable(friend));
        friend.map(|friend| friend.principal.clone())
    }

    /// Whether a principal may go by this name: nobody takes a contact's, and no contact another.
    pub(crate) fn may_be(&self, name: &Name, principal: &Principal) -> bool {
        if let Principal::Key(account) = principal
            && let Some(known) = self.names.get(account)
        {
            return *known == name.folded();
        }
        self.friends.get(&name.folded()).is_none_or(|f| f.principal == *principal)
    }

    /// Whether the account is behind any name in the list.
    pub(crate) fn knows(&self, account: &Fingerprint) -> bool {
        self.names.contains_key(account)
    }

    /// The name of an account that may write to us and call us.
    pub(crate) fn name_of(&self, account: &Fingerprint) -> Option<&Name> {
        let friend = self.friends.get(self.names.get(account)?)?;
        self.usable(friend).map(|_| &friend.name)
    }

    pub(crate) fn is_blocked(&self, name: &Name) -> bool {
        self.friends.get(&name.folded()).is_some_and(|f| f.blocked || self.differs(f))
    }

    /// Whether the name comes with another key than the pinned one, and nobody decided yet.
    pub(crate) fn is_undecided(&self, name: &Name) -> bool {
        self.friends.get(&name.folded()).is_some_and(|friend| friend.blocked)
    }

    /// Whether they wait for our answer.
    pub(crate) fn is_asking(&self, name: &Name) -> bool {
        self.friends.get(&name.folded()).is_some_and(|f| f.standing() == Standing::Asking)
    }

    /// The whole list, without those whose removal is under way.
    pub(crate) fn list(&self) -> Vec<ContactInfo> {
        let stays = |friend: &&Friend| !self.is_parting(&friend.name);
        self.friends.values().filter(stays).map(|friend| self.info(friend)).collect()
    }

    // --- what the user wants ---

    /// We want this contact from now on: remembered before it is said.
    pub(crate) fn want(&mut self, name: &Name) {
        self.parting.remove(&name.folded());
        let Some(friend) = self.friends.get_mut(&name.folded()) else { return };
        friend.wanted = true;
        let friend = friend.clone();
        self.forget_removed(&friend.principal);
        self.save(&friend);
    }

    /// What we asked is taken back.
    pub(crate) fn unask(&mut self, name: &Name) {
        self.asked.retain(|asked| asked.name != name.folded());
    }

    /// Accepts what the server made mutual by itself; true when nothing needs to be sent.
    pub(crate) fn accept_made(&mut self, name: &Name) -> bool {
        let made =
            self.friends.get(&name.folded()).is_some_and(|f| f.standing == Standing::Mutual && !f.wanted);
        self.want(name);
        if made {
            self.tell(name);
            self.meet(name, None);
        }
        made
    }

    /// Remembers a token of ours; false when there are too many that are still valid.
    pub(crate) fn issue(&mut self, hash: [u8; 32], end: Wall, now: Wall) -> bool {
        self.drop_ended(now);
        if self.tokens.len() >= TOKENS_PER_ACCOUNT_MAX {
            return false;
        }
        self.tokens.insert(hash, end);
        let value = Some(end.0.to_be_bytes().into());
        self.out.push_back(Effect::Save(Save { kind: Kind::Token, key: hash.into(), value }));
        true
    }

    /// Those of our tokens that have ended make no contacts any more.
    fn drop_ended(&mut self, now: Wall) {
        let ended = self.tokens.iter().filter(|(_, end)| **end <= now).map(|(hash, _)| *hash);
        for hash in ended.collect::<Vec<_>>() {
            self.unissue(&hash);
        }
    }

    /// Whether a token of this hash is ours.
    pub(crate) fn issued(&self, hash: &[u8; 32]) -> bool {
        self.tokens.contains_key(hash)
    }

    /// Whether whoever has this token is invited by us. Not after its end, whatever the server says of it then: it knows
    /// the token from the first who used it. Nor for whom we removed: it is a yes from before that.
    fn invites(&self, token: &[u8; 16], who: &Principal, now: Wall) -> bool {
        let end = self.tokens.get(&token_hash(token));
        end.is_some_and(|end| now < *end) && !self.removed.contains_key(who)
    }

    /// The server did not take it.
    pub(crate) fn unissue(&mut self, hash: &[u8; 32]) {
        if self.tokens.remove(hash).is_some() {
            let key = hash.to_vec();
            self.out.push_back(Effect::Save(Save { kind: Kind::Token, key, value: None }));
        }
    }

    fn meet(&mut self, name: &Name, head: Option<[u8; 32]>) {
        let Some(friend) = self.friends.get(&name.folded()) else { return };
        let Some(fp) = self.usable(friend) else { return };
        let here = matches!(friend.here.presence, Some(Presence::Online | Presence::InCall));
        // Zeros are the head of no list, so that what the server has not said is asked for.
        self.out.push_back(Effect::Meet(fp, head.unwrap_or_default()));
        self.out.push_back(Effect::Reachable(fp, here));
    }

    fn forget(&mut self, name: &Name) {
        let Some(friend) = self.friends.remove(&name.folded()) else { return };
        self.parting.remove(&name.folded());
        let key = name.folded().into_bytes();
        self.out.push_back(Effect::Save(Save { kind: Kind::Contact, key, value: None }));
        self.forbid_plain(name);
        if let Principal::Key(fp) = friend.principal {
            self.names.remove(&fp);
            self.to_greet.remove(&fp);
            self.out.push_back(Effect::Part(fp));
        }
        self.out.push_back(Effect::Tell(Event::Gone(friend.name)));
    }

    fn save(&mut self, friend: &Friend) {
        let value = minicbor::to_vec(friend).expect("a record of ours always encodes");
        let key = friend.name.folded().into_bytes();
        self.out.push_back(Effect::Save(Save { kind: Kind::Contact, key, value: Some(value) }));
    }

    pub(crate) fn tell(&mut self, name: &Name) {
        if let Some(friend) = self.friends.get(&name.folded()) {
            self.out.push_back(Effect::Tell(Event::Contact(self.info(friend))));
        }
    }

    /// What must always hold.
    pub(crate) fn check_invariants(&self) -> Result<(), String> {
        if self.friends.len() > CONTACTS_MAX
            || self.plain_yes.len() > CONTACTS_MAX
            || self.tokens.len() > TOKENS_PER_ACCOUNT_MAX
            || self.asked.len() > REQUESTS_PENDING_MAX
            || self.to_greet.len() > CONTACTS_MAX
            || self.trust.len() > CONTACTS_MAX
            || self.former.len() > CONTACTS_MAX
            || self.removed.len() > CONTACTS_MAX
            || self.bans.len() > BANNED_MAX
        {
            return Err("a contact table is beyond its limit".into());
        }
        if self.parting.keys().any(|name| !self.friends.contains_key(name)) {
            return Err("somebody is removed who is no contact".into());
        }
        let pinned = |(fp, name): (&Fingerprint, &String)| {
            self.friends.get(name).is_some_and(|f| f.principal == Principal::Key(*fp))
        };
        if self.names.iter().all(pinned) { Ok(()) } else { Err("a principal without its contact".into()) }
    }
}
