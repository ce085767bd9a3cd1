//! 001 to 005, and what an invite's token does: who stands how with whom, kept in the store and told to both.

use crate::contact::{self, Act};
use crate::crypto::identity::{entry_hash, sha256};
use crate::hub::online::User;
use crate::hub::refusal::{Done, Refusal, room_in};
use crate::hub::store::{Account, Store, Token};
use crate::hub::{Hub, Turn};
use crate::id::{ConnId, Fingerprint, Name};
use crate::invite::token_hash;
use crate::limits::{
    CONTACTS_MAX, REQUESTS_PENDING_MAX, REQUESTS_WAITING_MAX, TOKEN_LIFE, TOKEN_LIFE_MIN,
    TOKENS_PER_ACCOUNT_MAX,
};
use crate::time::Wall;
use crate::wire::Reply;
use crate::wire::record::{Contact, InviteParts, NewInvite, Presence, Redeem, Standing, Why};

impl Hub {
    pub(super) fn add<S: Store>(
        &mut self,
        conn: ConnId,
        me: &User,
        name: &Name,
        turn: &mut Turn<'_, S>,
    ) -> Done {
        room_in(turn.store)?;
        self.may_bother(me, turn)?;
        let other = self.act(me, name, Act::Ask, turn)?;
        self.say(conn, &Reply::RequestSent(other.name));
        self.say_account(other.fingerprint, &Reply::RequestFrom(me.name.clone()));
        Ok(())
    }

    pub(super) fn accept<S: Store>(&mut self, me: &User, name: &Name, turn: &mut Turn<'_, S>) -> Done {
        let other = self.act(me, name, Act::Accept, turn)?;
        self.say_account(other.fingerprint, &Reply::RequestAccepted(me.name.clone()));
        Ok(())
    }

    pub(super) fn reject<S: Store>(&mut self, me: &User, name: &Name, turn: &mut Turn<'_, S>) -> Done {
        let other = self.act(me, name, Act::Reject, turn)?;
        self.say_account(other.fingerprint, &Reply::RequestDismissed(me.name.clone()));
        Ok(())
    }

    pub(super) fn remove<S: Store>(&mut self, me: &User, name: &Name, turn: &mut Turn<'_, S>) -> Done {
        self.act(me, name, Act::Remove, turn).map(|_| ())
    }

    /// Does it to both, and tells both with 352 before any other word.
    fn act<S: Store>(
        &mut self,
        me: &User,
        name: &Name,
        act: Act,
        turn: &mut Turn<'_, S>,
    ) -> Result<Account, Refusal> {
        let mine = me.device.account;
        let other = turn.store.account_named(name).ok_or_else(|| {
            Refusal::new(Why::NoSuchUser, format!("nobody is called {name} here; check the spelling"))
        })?;
        if other.fingerprint == mine {
            return Err(Refusal::new(Why::Oneself, "that is your own name; name somebody else"));
        }
        let standing = turn.store.standing(&mine, &other.fingerprint);
        let next = contact::step(standing, act).map_err(|no| Refusal::contact(no, &other.name))?;
        if act == Act::Ask {
            self.has_room_to_ask(mine, &other, turn)?;
        }
        self.stand(mine, other.fingerprint, next, turn);
        Ok(other)
    }

    /// Every request comes to somebody's eyes, answered or not.
    fn may_bother<S: Store>(&mut self, me: &User, turn: &mut Turn<'_, S>) -> Done {
        if self.asks.take(me.device.account, turn.now.mono) { Ok(()) } else { Err(Refusal::too_fast()) }
    }

    fn has_room_to_ask<S: Store>(&self, mine: Fingerprint, other: &Account, turn: &mut Turn<'_, S>) -> Done {
        let count = |of: &[(Fingerprint, Standing)], what| of.iter().filter(|(_, s)| *s == what).count();
        let own = turn.store.contacts(&mine);
        if own.len() >= CONTACTS_MAX || count(&own, Standing::Asked) >= REQUESTS_PENDING_MAX {
            let text = "you have too many contacts or unanswered requests; remove some first";
            return Err(Refusal::new(Why::Limit, text));
        }
        if self.is_house(other.fingerprint) {
            return Ok(());
        }
        let theirs = turn.store.contacts(&other.fingerprint);
        if theirs.len() >= CONTACTS_MAX || count(&theirs, Standing::Asking) >= REQUESTS_WAITING_MAX {
            let text = format!("{} has too many contacts or requests; try again another day", other.name);
            return Err(Refusal::new(Why::Limit, text));
        }
        Ok(())
    }

    fn stand<S: Store>(
        &mut self,
        mine: Fingerprint,
        other: Fingerprint,
        standing: Standing,
        turn: &mut Turn<'_, S>,
    ) {
        turn.store.set_standing(&mine, &other, standing);
        turn.store.set_standing(&other, &mine, contact::mirrored(standing));
        self.tell_contact(mine, other, turn.store);
        self.tell_contact(other, mine, turn.store);
    }

    /// 005
    pub(super) fn list<S: Store>(
        &mut self,
        conn: ConnId,
        me: &User,
        name: Option<&Name>,
        turn: &mut Turn<'_, S>,
    ) -> Done {
        if name.is_some_and(|name| *name != me.name) {
            return Err(Refusal::new(
                Why::Other,
                "a contact list is shown to its owner only; ask for your own",
            ));
        }
        let contacts = turn.store.contacts(&me.device.account).into_iter();
        let mutual = contacts.filter(|(_, standing)| *standing == Standing::Mutual).take(CONTACTS_MAX);
        let names = mutual.filter_map(|(other, _)| turn.store.account(&other)).map(|account| account.name);
        self.say(conn, &Reply::Contacts(names.collect()));
        Ok(())
    }

    // --- invites ---

    /// 311
    pub(super) fn new_invite<S: Store>(
        &mut self,
        conn: ConnId,
        me: &User,
        invite: &NewInvite,
        turn: &mut Turn<'_, S>,
    ) -> Done {
        room_in(turn.store)?;
        let (owner, wall) = (me.device.account, turn.now.wall);
        let known = turn.store.token(&invite.token_hash);
        if known.as_ref().is_some_and(|token| token.owner != Some(owner)) {
            return Err(Refusal::new(Why::BadToken, "this token exists already; make another invite"));
        }
        if known.is_none() {
            if turn.store.tokens_of(&owner, wall) >= TOKENS_PER_ACCOUNT_MAX {
                let text = "you have too many invites that are still valid; use one of those";
                return Err(Refusal::new(Why::Limit, text));
            }
            let life = u64::from(invite.life_secs).clamp(TOKEN_LIFE_MIN.as_secs(), TOKEN_LIFE.as_secs());
            let expiry = Some(Wall(wall.0.saturating_add(life * 1_000)));
            turn.store.add_token(&Token { hash: *invite.token_hash, owner: Some(owner), expiry });
        }
        let (host, port) = self.settings.public.clone();
        self.say(conn, &Reply::Invite(InviteParts { token_hash: invite.token_hash, host, port }));
        Ok(())
    }

    /// 312
    pub(super) fn redeem<S: Store>(&mut self, me: &User, redeem: &Redeem, turn: &mut Turn<'_, S>) -> Done {
        room_in(turn.store)?;
        self.may_bother(me, turn)?;
        let token = valid_token(&redeem.token, turn)?;
        self.befriend_owner(me.device.account, &token, &redeem.token, turn)
    }

    /// Makes both contacts, if the token is somebody's. The server's own only admits.
    pub(super) fn befriend_owner<S: Store>(
        &mut self,
        mine: Fingerprint,
        token: &Token,
        secret: &[u8; 16],
        turn: &mut Turn<'_, S>,
    ) -> Done {
        let Some(owner) = token.owner else { return Ok(()) };
        if owner == mine {
            return Err(Refusal::new(Why::Oneself, "this invite is your own; give it to somebody else"));
        }
        if turn.store.standing(&mine, &owner) == Standing::Mutual {
            self.tell_contact(mine, owner, turn.store);
            return Ok(());
        }
        let full = |of: Fingerprint, turn: &mut Turn<'_, S>| turn.store.contacts(&of).len() >= CONTACTS_MAX;
        if full(mine, turn) || full(owner, turn) {
            return Err(Refusal::new(Why::Limit, "one of you has too many contacts; remove some first"));
        }
        let standing = turn.store.standing(&mine, &owner);
        let next = contact::step(standing, Act::Invite).map_err(|_| token_refused())?;
        // The owner is told which of their invites it was, so the token is known before anybody is told.
        turn.store.set_standing(&owner, &mine, contact::mirrored(next));
        turn.store.set_via_token(&owner, &mine, secret);
        self.stand(mine, owner, next, turn);
        Ok(())
    }

    /// Makes a new account and the house's friend contacts.
    pub(super) fn befriend_house<S: Store>(&mut self, mine: Fingerprint, turn: &mut Turn<'_, S>) {
        let Some((_, house)) = self.settings.house.clone() else { return };
        if mine != house && turn.store.account(&house).is_some() {
            self.stand(mine, house, Standing::Mutual, turn);
        }
    }

    // --- 352 ---

    /// What `viewer` is told of `about`.
    pub(super) fn contact<S: Store>(
        &self,
        viewer: Fingerprint,
        about: Fingerprint,
        store: &mut S,
    ) -> Option<Contact> {
        let account = store.account(&about)?;
        let standing = store.standing(&viewer, &about);
        let presence = if standing == Standing::Mutual { self.presence_of(about) } else { Presence::Offline };
        let list_head = store.entries(&about).last().map(|entry| entry_hash(entry).into());
        Some(Contact {
            principal: account.principal(),
            name: account.name,
            standing,
            presence,
            list_head,
            via_token: self.via_token(viewer, about, store).map(Into::into),
        })
    }

    /// Told only while the token is valid: its maker forgets it then.
    fn via_token<S: Store>(
        &self,
        viewer: Fingerprint,
        about: Fingerprint,
        store: &mut S,
    ) -> Option<[u8; 16]> {
        let secret = store.via_token(&viewer, &about)?;
        let token = store.token(&token_hash(&secret))?;
        token.expiry.is_none_or(|end| end > self.now.wall).then_some(secret)
    }

    /// All that somebody who just logged in must know: a 352 each, then a 207 each, then what goes with the first of those.
    /// The house hears only of those who are here, since it knows everybody.
    pub(super) fn tell_everybody<S: Store>(&mut self, conn: ConnId, me: &User, turn: &mut Turn<'_, S>) {
        let mine = me.device.account;
        let others: Vec<Fingerprint> = if self.is_house(mine) {
            let mut here = self.online.accounts();
            here.retain(|other| turn.store.standing(&mine, other) != Standing::None);
            here
        } else {
            turn.store.contacts(&mine).into_iter().map(|(other, _)| other).collect()
        };
        let contacts: Vec<Contact> =
            others.into_iter().filter_map(|other| self.contact(mine, other, turn.store)).collect();
        for contact in &contacts {
            self.say(conn, &Reply::Contact(Box::new(contact.clone())));
        }
        for contact in contacts.into_iter().filter(|contact| contact.standing == Standing::Asking) {
            self.say(conn, &Reply::RequestFrom(contact.name));
        }
        self.tell_greetings(conn, turn);
    }
}

/// The token with these bytes, if it still admits.
pub(super) fn valid_token<S: Store>(bytes: &[u8; 16], turn: &mut Turn<'_, S>) -> Result<Token, Refusal> {
    let token = turn.store.token(&sha256(bytes));
    token.filter(|t| t.expiry.is_none_or(|end| end > turn.now.wall)).ok_or_else(token_refused)
}

fn token_refused() -> Refusal {
    Refusal::new(Why::BadToken, "this invite is wrong, revoked or past its time; ask for a new one")
}
