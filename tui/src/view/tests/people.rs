//! Pages about people: who comes first, what we call them.

use super::*;
use proto::client::{Banned, Compared, ContactInfo};
use proto::id::Principal;

use crate::app::Msg;
use crate::app::personal::Personal;

pub(super) fn pages(look: Look) -> Vec<(&'static str, Story)> {
    let mut list = Vec::new();
    let mut page = |name, story: Story| list.push((name, story));

    let mut story = Story::morning(look);
    let erin = contact("erin", Standing::Mutual, Presence::Offline).principal;
    let kept = Personal { alias: Some(Safe::line("Sister")), favourite: true };
    story.event(Msg::Personal(vec![(erin, kept)]));
    page("favourite", story);

    let mut story = Story::morning(look);
    story.keys("R");
    story.type_in("carol");
    story.keys("Enter");
    page("rename", story);

    let mut story = Story::morning(look);
    story.keys("/");
    story.type_in("ra");
    page("find", story);

    list.extend(request_pages(look));
    list.extend(trust_pages(look));
    list
}

/// What goes with a request, at both ends.
fn request_pages(look: Look) -> Vec<(&'static str, Story)> {
    let mut list = Vec::new();
    let mut page = |name, story: Story| list.push((name, story));

    let mut story = Story::morning(look);
    story.keys("a heidi Tab");
    story.type_in("it is alice from the allotments, we spoke about the greenhouse");
    page("add_message", story);

    let mut story = Story::morning(look);
    story.keys("a heidi Tab");
    story.paste(&"日本語も大丈夫?".repeat(17));
    page("add_message_long", story);

    let mut story = Story::morning(look);
    story.ask("it is Grace from the harbour office, Bob gave me your name. 日本語も大丈夫? (and wide)");
    page("request_message", story);

    let mut story = Story::morning(look);
    story.keys("jjj");
    page("asked", story);

    let mut story = Story::morning(look);
    story.ask(&"日本語も大丈夫ですか".repeat(14));
    page("request_message_wide", story);

    // What is told of it does not hide the key that shows the rest.
    let mut story = Story::morning(look);
    story.ask(&"日本語も大丈夫ですか".repeat(14));
    story.tell(Event::Request(name("grace")));
    page("request_message_told", story);

    let mut story = Story::morning(look);
    story.ask("שלום, זו גרייס מהנמל. בוב נתן לי את השם שלך, אני מחכה לתשובה ממך");
    page("request_message_leftward", story);
    list
}

impl Story {
    /// Grace, who asks, says this with it, and is chosen.
    fn ask(&mut self, text: &str) {
        let text = Safe::words(text, proto::limits::GREETING_BYTES_MAX);
        let asking = contact("grace", Standing::Asking, Presence::Online);
        self.tell(Event::Contact(ContactInfo { greeting: Some(text), ..asking }));
        self.keys("G");
    }
}

/// The longest there is can be read where there is least room, and how to answer with it.
#[test]
fn the_longest_message_with_a_request_is_read_in_the_smallest_window() {
    let words: Vec<String> = (10..).map(|n| format!("word{n}")).take(20).collect();
    let text = words.join(" ");
    assert!((130..=140).contains(&text.chars().count()));
    let mut story = Story::morning(UNICODE);
    story.ask(&text);
    let shown = picture(&story.buffer(40, 10).0);
    let seen = words.iter().filter(|word| shown.contains(word.as_str())).count();
    assert_eq!(seen, words.len(), "{shown}");
    assert!(shown.contains("? grace") && shown.contains("(Enter)"), "{shown}");
}

/// What can be done with whoever asks is named where there is least room, and what cannot is not.
#[test]
fn the_footer_names_what_can_be_done_with_whoever_is_chosen() {
    let mut story = Story::morning(UNICODE);
    story.ask("it is Grace");
    let foot = |story: &Story| picture(&story.buffer(40, 10).0).lines().last().unwrap().to_owned();
    assert!(foot(&story).contains("Enter accept") && !foot(&story).contains("call"), "{}", foot(&story));
    story.keys("k");
    assert_eq!(story.model.chatting().map(proto::id::Name::as_str), Some("frank"));
    assert!(!foot(&story).contains("call") && !foot(&story).contains("write"), "{}", foot(&story));
    story.keys("g");
    assert!(foot(&story).contains("c call"), "{}", foot(&story));
}

/// Twice as wide, and in a call: as much as fits, who asks, and the key that shows the rest; with it all is read.
#[test]
fn the_widest_message_with_a_request_is_read_with_the_keys_that_are_named() {
    let letters: Vec<char> = ('\u{4e00}'..).take(140).collect();
    let run: String = letters.iter().collect();
    // Words that fill hardly more than half a row are the worst there is.
    let words: String = letters.chunks(10).map(|word| word.iter().collect::<String>() + " ").collect();
    for (text, calls, (width, height)) in
        [(&run, false, (40, 10)), (&words, false, (40, 10)), (&run, true, (40, 10)), (&words, true, (50, 12))]
    {
        let mut story = if calls { Story::in_call(UNICODE) } else { Story::morning(UNICODE) };
        story.ask(text.chars().take(140).collect::<String>().trim());
        let wanted: Vec<char> = text.chars().take(140).filter(|c| *c != ' ').collect();
        let mut seen = Vec::new();
        for n in 0.. {
            let shown = picture(&story.buffer(width, height).0);
            seen.extend(wanted.iter().filter(|c| shown.contains(**c)).copied());
            assert!(shown.contains("? grace"), "{shown}");
            if !shown.contains("PgDn shows the rest") {
                assert_eq!(shown.contains("PgUp shows the beginning"), n > 0, "{shown}");
                break;
            }
            assert!(n < 5, "there is an end: {shown}");
            story.keys("PgDn");
        }
        assert!(wanted.iter().all(|c| seen.contains(c)), "{width}x{height} {calls} {}", seen.len());
        // Once more is not too far, and one key leads back.
        story.keys("PgDn PgDn PgUp");
        assert!(picture(&story.buffer(width, height).0).contains(letters[0]));
        story.keys("PgDn k G");
    }
    let mut story = Story::morning(UNICODE);
    story.ask(&run);
    let shown = picture(&story.buffer(50, 12).0);
    assert!(letters.iter().all(|c| shown.contains(*c)) && !shown.contains("PgDn"), "{shown}");
}

/// Without a connection nobody knows who is there: nothing of what was known last is shown.
#[test]
fn nobody_is_shown_as_there_without_a_connection() {
    for look in [UNICODE, ASCII] {
        let mut story = Story::morning(look);
        let glyphs = super::super::theme::Theme::new(look).glyphs;
        let row = |story: &Story, who: &str| {
            let shown = picture(&story.buffer(80, 24).0);
            let row = shown.lines().skip(2).find(|row| row.contains(who)).unwrap().to_owned();
            row.chars().take(21).collect::<String>()
        };
        assert!(row(&story, "bob").contains(glyphs.online) && row(&story, "dave").contains("in a call"));
        story.tell(Event::Link(LinkState::Away { retry_in: Duration::from_secs(9) }));
        story.model.notice = None;
        for who in ["bob", "carol", "dave", "erin"] {
            let row = row(&story, who);
            assert!(row.contains(glyphs.offline) && !row.contains(glyphs.online), "{row}");
            assert!(!row.contains(glyphs.in_call) && !row.contains("in a call"), "{row}");
        }
        let shown = picture(&story.buffer(80, 24).0);
        assert!(!shown.contains(" online") && shown.contains("not known, no connection"), "{shown}");
        story.tell(Event::Link(LinkState::Online));
        assert!(row(&story, "bob").contains(glyphs.online), "known again");
    }
}

/// However long a name is, how much of theirs is unread is seen, and the name gives way.
#[test]
fn how_much_is_unread_keeps_its_place_beside_a_long_name() {
    let long = "a".repeat(proto::limits::NAME_CHARS_MAX);
    let mut story = Story::with(UNICODE, vec![contact("bob", Standing::Mutual, Presence::Online)]);
    story.tell(Event::Contact(contact(&long, Standing::Mutual, Presence::Online)));
    for n in 0..123 {
        let (id, text) = (MsgId([n; 16]), Safe::line("hello"));
        story.tell(Event::Said { from: name(&long), id, sent: START, text });
    }
    story.verified(&long);
    story.model.notice = None;
    for (width, height, list) in [(40, 10, 40), (50, 12, 50), (80, 24, 20), (120, 40, 26)] {
        let shown = picture(&story.buffer(width, height).0);
        let row = shown.lines().find(|row| row.contains("aaaa") && row.contains('●')).unwrap();
        let row: String = row.chars().take(list).collect();
        assert!(row.trim_end().ends_with(" 123"), "{width}x{height}: {row}");
        let whole = row.contains(&long);
        assert!(whole || row.contains("a…"), "{width}x{height}: {row}");
    }
}

/// Both lines of the window, and what is wrong, are there in the smallest window, too.
#[test]
fn a_message_is_written_in_the_smallest_window() {
    let mut story = Story::morning(UNICODE);
    story.keys("a heidi Tab");
    story.type_in("hello there");
    for (width, height) in [(40, 10), (50, 12), (80, 24)] {
        let (buffer, cursor) = story.buffer(width, height);
        let shown = picture(&buffer);
        assert!(
            shown.contains("heidi") && shown.contains("message  ") && shown.contains("hello there"),
            "{shown}"
        );
        let line = shown.lines().position(|line| line.contains("hello there")).unwrap();
        assert_eq!(cursor.map(|place| usize::from(place.y)), Some(line), "{shown}");
    }
    // What is longer than the line scrolls with the cursor, also where each letter takes two columns.
    story.paste(&format!("{}END", "\u{65e5}".repeat(100)));
    let (buffer, cursor) = story.buffer(40, 10);
    let shown = picture(&buffer);
    assert!(shown.contains("END") && !shown.contains("hello"), "{shown}");
    assert!(cursor.is_some_and(|place| place.x > 20), "{cursor:?}");
    story.keys("^a");
    let shown = picture(&story.buffer(40, 10).0);
    assert!(shown.contains("hello there") && !shown.contains("END"), "{shown}");
    story.keys("^e Tab ! Enter");
    let shown = picture(&story.buffer(40, 10).0);
    assert!(shown.contains("That is no name"), "{shown}");
}

/// Keys compared, changed and blocked.
fn trust_pages(look: Look) -> Vec<(&'static str, Story)> {
    let mut list = Vec::new();
    let mut page = |name, story: Story| list.push((name, story));

    let mut story = Story::morning(look);
    story.keys("s");
    page("verify", story);

    let mut story = Story::in_call(look);
    story.verified("bob");
    story.keys("^g s");
    let words = Compared::Words(["otter", "candle", "harvest", "violin"]);
    story.tell(Event::Compared { who: name("bob"), compared: words });
    page("verify_words", story);

    let mut story = Story::in_call(look);
    story.verified("bob");
    story.keys("^g");
    page("call_verified", story);

    let mut story = Story::morning(look);
    story.verified("bob");
    page("verified", story);

    let mut story = Story::morning(look);
    story.keys("s Q");
    page("qr_number", story);

    let mut story = Story::morning(look);
    let link = format!("tincan://home.example:8462/{}/alice#SHA256:{}", "0f".repeat(16), "A".repeat(43));
    story.tell(Event::Invite(link));
    story.keys("a ^r");
    page("qr_link", story);

    let mut story = Story::morning(look);
    story.verified("bob");
    let mut bob = story.model.contacts.get(&name("bob")).unwrap().clone();
    (bob.blocked, bob.replaced_by) = (true, Some(Principal::Key(Fingerprint([9; 32]))));
    story.tell(Event::Contact(bob));
    story.tell(Event::IdentityChanged(name("bob")));
    story.model.notice = None;
    story.keys("bo Enter");
    page("identity_changed", story);

    let mut story = Story::morning(look);
    let ban = |who: &str, n: u8| Banned {
        principal: Principal::Key(Fingerprint([n; 32])),
        name: name(who),
        since: START,
    };
    story.keys("B");
    story.tell(Event::Banned(vec![ban("mallory", 3), ban("trudy", 4)]));
    story.keys("j");
    page("blocked", story);
    list
}

impl Story {
    fn verified(&mut self, who: &str) {
        let mut contact = self.model.contacts.get(&name(who)).unwrap().clone();
        contact.verified = Some(START);
        self.tell(Event::Contact(contact));
    }
}

/// A camera reads what the screen shows: the picture is taken apart into modules again, dark and light as drawn, in
/// colours and without, and must be the code with its quiet border.
#[test]
fn a_code_is_drawn_as_it_is() {
    for look in [UNICODE, Look { colour: false, ..UNICODE }] {
        let pages = trust_pages(look);
        for (wanted, side, quiet) in [("qr_number", 25, 4), ("qr_link", 41, 2)] {
            let (_, story) = pages.iter().find(|(page, _)| *page == wanted).unwrap();
            let (buffer, _) = story.buffer(80, 24);
            let light = |x: u16, y: u16| {
                let cell = &buffer[(x, y / 2)];
                let upper = y.is_multiple_of(2);
                if look.colour {
                    (if upper { cell.fg } else { cell.bg }) == Color::White
                } else {
                    matches!((cell.symbol(), upper), ("█", _) | ("▀", true) | ("▄", false))
                }
            };
            // The finder patterns: a dark ring of seven modules, in three corners.
            let across = side + 2 * quiet;
            let left = (80 - across) / 2;
            let top = (0..46).find(|y| light(left, *y)).unwrap();
            let dark = |x: u16, y: u16| !light(left + quiet + x, top + quiet + y);
            for (x, y) in [(0, 0), (side - 7, 0), (0, side - 7)] {
                assert!((0..7).all(|n| dark(x + n, y) && dark(x + n, y + 6) && dark(x, y + n)), "{wanted}");
                assert!((1..6).all(|n| !dark(x + n, y + 1) && !dark(x + 1, y + n)), "{wanted}");
            }
            assert!((0..across).all(|x| light(left + x, top) && light(left, top + x)), "a quiet border");
        }
    }
}
