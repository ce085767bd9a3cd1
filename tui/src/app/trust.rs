//! What the windows about keys show: numbers and words to compare, a key that changed, who is blocked.

use std::time::Duration;

use proto::client::{Banned, Compared, ContactInfo};
use proto::crypto::safety;
use proto::id::{Fingerprint, Name, Principal};
use proto::limits::NAME_CHARS_MAX;

use super::input::Editor;

/// How long the second key may take that blocks somebody.
pub const BLOCK_TIME: Duration = Duration::from_secs(5);

/// What to do about a server that shows another key than the pinned one, wherever that is said.
pub fn trust_anew(shown: Fingerprint) -> String {
    format!("If the new one is right, start once more with --pin {} to trust it.", shown.openssh())
}

/// The whole of it, where it is one sentence after another.
pub fn server_key_changed(pinned: Fingerprint, shown: Fingerprint) -> String {
    format!(
        "the server shows the key {}, but {} is pinned: nothing was sent. Ask its operator which key is right. {}",
        shown.openssh(),
        pinned.openssh(),
        trust_anew(shown)
    )
}

/// What was asked about who is blocked, until the machine did it or refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deciding {
    /// Who is to be blocked.
    pub ban: Option<Name>,
    /// Who is not to be any longer.
    pub unban: Option<Banned>,
}

/// The window to compare keys with somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verify {
    /// With whom.
    pub who: Name,
    /// Our key.
    pub ours: Fingerprint,
    /// Theirs.
    pub theirs: Fingerprint,
    /// The safety number, in groups of five digits.
    pub number: Vec<String>,
    /// The words of the call there is.
    pub words: Words,
}

/// Words to compare over the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Words {
    /// There is no sealed call with them.
    NoCall,
    /// They are asked for.
    Waiting,
    /// What came of it.
    Told(Compared),
}

impl Verify {
    /// A window for comparing two keys.
    pub fn new(who: Name, ours: Fingerprint, theirs: Fingerprint, words: Words) -> Self {
        let number = safety::number(&ours, &theirs);
        let number = number.as_bytes().chunks(5).map(|group| String::from_utf8_lossy(group).into_owned());
        Self { who, ours, theirs, number: number.collect(), words }
    }
}

/// The window about a name that comes with another key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The name.
    pub who: Name,
    /// Who they are now, as it was shown.
    pub new: Option<Principal>,
    /// What is typed: the whole name, to say that the new key is theirs.
    pub typed: Editor,
    /// What is wrong with it.
    pub problem: Option<String>,
}

impl Changed {
    /// Nothing is typed yet.
    pub fn new(who: Name, new: Option<Principal>) -> Self {
        Self { who, new, typed: Editor::new(NAME_CHARS_MAX), problem: None }
    }
}

/// The window of those who are blocked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocked {
    /// Which row is chosen.
    pub at: usize,
}

/// The window of a code to be read by a camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qr {
    /// What it is of, in a few words.
    pub title: String,
    /// What it says.
    pub text: String,
    /// Light and dark exchanged: for terminals that are drawn without colours, where nobody knows which is which.
    pub inverted: bool,
}

/// The account key of somebody; a guest has none.
pub fn key_of(contact: &ContactInfo) -> Option<Fingerprint> {
    match &contact.principal {
        Principal::Key(key) => Some(*key),
        Principal::Guest(_) => None,
    }
}

/// A principal, as people compare it.
pub fn shown(principal: &Principal) -> String {
    match principal {
        Principal::Key(key) => key.openssh(),
        Principal::Guest(name) => format!("~{name}, a guest without a key"),
    }
}

/// Who is blocked, by when.
pub fn sorted(mut list: Vec<Banned>) -> Vec<Banned> {
    list.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| a.principal.cmp(&b.principal)));
    list
}
