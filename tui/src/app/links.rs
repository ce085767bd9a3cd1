//! Links in what people write: which part of a text a terminal may be told is one. Strict, because the terminal opens
//! it: what is not plainly an address of the web or an invite stays text, and a link is never more or less than what
//! is seen of it.

use core::ops::Range;

use proto::invite::Invite;

use crate::limits::LINK_BYTES_MAX;

/// What an address may begin with.
const WEB: [&str; 2] = ["https://", "http://"];
const INVITE: &str = "tincan://";

/// Where the links of a text are, as ranges of its bytes, in their order.
pub fn find(text: &str) -> Vec<Range<usize>> {
    if !text.contains("://") {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut at = 0;
    for word in text.split(char::is_whitespace) {
        let begins = WEB.iter().chain([&INVITE]).filter_map(|scheme| word.find(scheme)).min();
        if let Some(begins) = begins.filter(|begins| stands_alone(&word[..*begins])) {
            let link = without_the_end_of_a_sentence(&word[begins..]);
            if is_link(link) {
                found.push(at + begins..at + begins + link.len());
            }
        }
        // Whitespace has one to three bytes; the word is a part of the text, so its place tells.
        at += word.len();
        at += text[at..].chars().next().map_or(0, char::len_utf8);
    }
    found
}

/// Whether an address can begin after this: not inside a word, and not inside another address.
fn stands_alone(before: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || "+-._/=&%@#?~$*\\".contains(c);
    before.chars().next_back().is_none_or(|c| !joins(c))
}

/// Marks at the end belong to the sentence, and so does a bracket that was opened before the address.
fn without_the_end_of_a_sentence(word: &str) -> &str {
    let mut link = word;
    while let Some(last) = link.chars().next_back() {
        let opened = |open: char| link.matches(open).count() >= link.matches(last).count();
        let ends = match last {
            ')' => !opened('('),
            ']' => !opened('['),
            _ => ".,;:!?'\"}>»”’“…。，、！？）」』】".contains(last),
        };
        if !ends {
            return link;
        }
        link = &link[..link.len() - last.len_utf8()];
    }
    link
}

/// Whether all of it is an address, of characters that no terminal takes for anything else (RFC 3986, section 2).
fn is_link(word: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    if word.len() > LINK_BYTES_MAX || !word.bytes().all(plain) {
        return false;
    }
    if word.starts_with(INVITE) {
        return Invite::parse(word).is_ok();
    }
    let rest = WEB.iter().find_map(|scheme| word.strip_prefix(scheme));
    let authority = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    authority.is_some_and(is_host)
}

/// A host and perhaps a port. With a user before it (`https://bank.example@evil.example`) it is not what it seems.
fn is_host(authority: &str) -> bool {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, after)) if address.parse::<core::net::Ipv6Addr>().is_ok() => ("v6", after),
            Some(_) | None => return false,
        },
        None => authority.find(':').map_or((authority, ""), |colon| authority.split_at(colon)),
    };
    let port = port.strip_prefix(':').map_or(port.is_empty(), |port| port.parse::<u16>().is_ok());
    let label = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    port && host.bytes().any(|byte| byte.is_ascii_alphanumeric()) && host.bytes().all(label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use proto::id::{Fingerprint, Name};

    fn links(text: &str) -> Vec<&str> {
        find(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn addresses_are_found_in_sentences() {
        for (text, found) in [
            ("https://example.org/notes/jitter-buffer", "https://example.org/notes/jitter-buffer"),
            ("see http://a.example/x?y=1&z=%20#top.", "http://a.example/x?y=1&z=%20#top"),
            ("(https://a.example/b_(c))", "https://a.example/b_(c)"),
            ("<https://a.example>, they say", "https://a.example"),
            ("日本、https://a.example:8080/。", "https://a.example:8080/"),
            ("«http://[2001:db8::1]:80/»", "http://[2001:db8::1]:80/"),
            ("see:https://a.example!", "https://a.example"),
        ] {
            assert_eq!(links(text), [found], "{text}");
        }
        assert_eq!(links("http://a.b and\nhttps://c.d\u{2003}x"), ["http://a.b", "https://c.d"]);
        let invite = Invite {
            host: "home.example".into(),
            port: 8462,
            token: Some([7; 16]),
            name: Name::parse("bob").ok(),
            server: Fingerprint([9; 32]),
        };
        let invite = invite.to_string();
        assert_eq!(links(&format!("join: {invite}.")), [invite.as_str()]);
    }

    /// Not what it seems, not all of it, or not for a terminal: it stays text.
    #[test]
    fn what_is_not_plainly_an_address_stays_text() {
        for text in [
            "https://",
            "https:///etc/passwd",
            "http://.../",
            "javascript://x",
            "file:///etc/passwd",
            "ssh://a.example",
            "git+https://a.example",
            "xhttps://a.example",
            "/https://a.example",
            "https://bank.example@evil.example/",
            "https://bank.example:80@evil.example/",
            "https://b\u{e4}nk.example/",
            "https://a.example/\u{202e}gnp",
            "https://a.example/a\u{301}",
            "https://a.example/\"x",
            "https://a.example\\x",
            "https://a.example:99999/",
            "https://a.example:/",
            "https://[::1/",
            "https://[x]/",
            "tincan://home.example",
            "tincan://a/b/c#SHA256:x",
            "https://a.example/\u{1b}]8;;x",
            "https://a.example/\u{7f}",
            "https://a.example/`id`",
        ] {
            assert_eq!(links(text), [""; 0], "{text:?}");
        }
        let long = format!("https://a.example/{}", "x".repeat(LINK_BYTES_MAX));
        assert_eq!(links(&long), [""; 0]);
    }

    proptest! {
        /// Whatever surrounds it: ranges are of the text, apart, and of printable ASCII alone.
        #[test]
        fn a_link_is_printable_and_part_of_the_text(
            parts in proptest::collection::vec(prop_oneof![
                Just("https://a.example/".to_owned()), Just("http://".to_owned()), Just("tincan://".to_owned()),
                Just(" ".to_owned()), Just("(".to_owned()), Just(")".to_owned()), any::<String>(),
            ], 0..12)
        ) {
            let text = parts.concat();
            let mut end = 0;
            for range in find(&text) {
                prop_assert!(range.start >= end && range.end <= text.len());
                end = range.end;
                let link = &text[range];
                prop_assert!(link.bytes().all(|byte| (0x21..=0x7e).contains(&byte)), "{link:?}");
                prop_assert!(["http://", "https://", "tincan://"].iter().any(|scheme| link.starts_with(scheme)));
            }
        }
    }
}
