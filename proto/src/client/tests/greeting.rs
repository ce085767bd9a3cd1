//! What goes with a request, against servers and strangers that lie, and a server that knows nothing of it.

use super::*;
use crate::safe::Safe;

/// Bob asks, and nothing is known of his devices.
fn asking() -> Stage {
    let mut stage = Stage::logged_in();
    let contact = stage.bob.contact(Standing::Asking);
    stage.hear(&Reply::Contact(Box::new(contact)));
    stage.start_session();
    stage.forget();
    stage
}

fn greet(stage: &mut Stage, msg: u8, body: Body) {
    let envelope = stage.envelope(msg, body);
    let mail = stage.mail(&envelope);
    stage.hear(&Reply::Mail(mail));
}

fn words(text: &str) -> Body {
    Body::Greeting(text.into())
}

fn greetings(stage: &Stage) -> Vec<String> {
    let text =
        |event: Event| if let Event::Greeting { text, .. } = event { Some(text.to_string()) } else { None };
    stage.events().into_iter().filter_map(text).collect()
}

#[test]
fn it_is_opened_once_their_list_is_here_and_nothing_is_said_back() {
    let mut stage = asking();
    greet(&mut stage, 1, words("it is bob"));
    assert_eq!(greetings(&stage), [] as [&str; 0]);
    assert!(matches!(stage.asked.as_slice(), [Request::WantDevices(_)]), "{:?}", stage.asked);
    let list = stage.bob.list();
    stage.hear(&list);
    assert_eq!(greetings(&stage), ["it is bob"]);
    assert_eq!(stage.asked.len(), 1, "no receipt, no key: {:?}", stage.asked);
    // The first is the only one, whatever the server says again.
    greet(&mut stage, 1, words("it is bob"));
    greet(&mut stage, 2, words("and another thing"));
    assert_eq!(greetings(&stage).len(), 1);
    assert_eq!(stage.drops(), [Drop::Replay, Drop::Replay]);
}

#[test]
fn who_only_asks_can_say_nothing_else() {
    for body in [Body::Text("psst".into()), Body::Receipt(vec![MsgId([9; 16])]), Body::Ringing(CALL)] {
        let mut stage = asking();
        greet(&mut stage, 1, body);
        let list = stage.bob.list();
        stage.hear(&list);
        assert_eq!(stage.events(), [], "nothing is shown");
        assert_eq!(stage.drops(), [Drop::NotContact]);
        assert_eq!(stage.asked.len(), 1, "nothing is said back: {:?}", stage.asked);
    }
}

#[test]
fn it_is_taken_only_from_a_device_of_theirs_while_they_ask() {
    // A device that is not in their list.
    let mut stage = asking();
    let envelope = stage.envelope(1, words("it is bob"));
    let mut mail = stage.mail(&envelope);
    mail.device = DeviceId([9; 16]);
    stage.hear(&Reply::Mail(mail));
    let list = stage.bob.list();
    stage.hear(&list);
    assert_eq!((greetings(&stage).len(), stage.drops()), (0, vec![Drop::Stranger]));
    // Somebody else's words in their name.
    let mut stage = asking();
    let mut envelope = stage.envelope(1, words("it is bob"));
    envelope.from.account = Fingerprint([9; 32]);
    let mail = stage.mail(&envelope);
    stage.hear(&Reply::Mail(mail));
    let list = stage.bob.list();
    stage.hear(&list);
    assert_eq!((greetings(&stage).len(), stage.drops()), (0, vec![Drop::Impostor]));
    // Nobody who asks.
    let mut stage = Stage::logged_in();
    stage.start_session();
    greet(&mut stage, 1, words("it is bob"));
    assert_eq!((greetings(&stage).len(), stage.drops()), (0, vec![Drop::NotContact]));
    // Whoever was rejected, before the server says so.
    let mut stage = asking();
    stage.input(Input::Command(Command::Remove(name("bob"))));
    stage.forget();
    greet(&mut stage, 1, words("it is bob"));
    assert_eq!((greetings(&stage).len(), stage.drops()), (0, vec![Drop::NotContact]));
}

#[test]
fn a_yes_that_overtook_it_shows_it_once() {
    let mut stage = Stage::with_bob();
    greet(&mut stage, 1, words("it is bob"));
    greet(&mut stage, 1, words("it is bob"));
    assert_eq!(greetings(&stage), ["it is bob"]);
}

#[test]
fn a_server_without_it_is_named_and_the_request_stands() {
    let mut stage = Stage::logged_in();
    stage.input(Input::Command(Command::Greet { to: name("bob"), text: "it is alice".into() }));
    assert!(matches!(stage.asked.as_slice(), [Request::Add(_)]), "{:?}", stage.asked);
    let contact = stage.bob.contact(Standing::Asked);
    stage.hear(&Reply::Contact(Box::new(contact)));
    let Some(Request::WantDevices(_)) = stage.asked.last() else { panic!("{:?}", stage.asked) };
    let re = stage.client.connection.counter - 1;
    stage.hear(&Reply::Refused(Refused { re, why: Why::NotContact, text: "no".into() }));
    let told: Vec<Event> = stage.events();
    let text = "bob is asked, but your message did not go with it: this server carries none";
    assert!(told.contains(&Event::Requested(name("bob"))));
    assert!(
        told.contains(&Event::Refused {
            of: Matter::Greeting(name("bob")),
            why: Why::NotContact,
            text: Safe::line(text)
        }),
        "{told:?}"
    );
    // It is not tried again.
    stage.forget();
    let contact = stage.bob.contact(Standing::Asked);
    stage.hear(&Reply::Contact(Box::new(contact)));
    assert_eq!(stage.asked, []);
}

#[test]
fn it_is_kept_until_the_server_has_it() {
    let mut stage = Stage::logged_in();
    stage.input(Input::Command(Command::Greet { to: name("bob"), text: "it is alice".into() }));
    let contact = stage.bob.contact(Standing::Asked);
    stage.hear(&Reply::Contact(Box::new(contact.clone())));
    stage.hear_list();
    // What was sealed is lost with the connection.
    stage.input(Input::LinkDown);
    stage.wait(core::time::Duration::from_secs(60));
    let peer: SocketAddr = "198.51.100.1:8462".parse().unwrap();
    stage.input(Input::LinkUp(LinkUp { exporter: [3; 32], server_key: SERVER, peer }));
    stage.hear(&Reply::LoggedIn(name("alice")));
    stage.forget();
    stage.hear(&Reply::Contact(Box::new(contact.clone())));
    let [Request::Mail(mail)] = stage.asked.as_slice() else { panic!("{:?}", stage.asked) };
    assert_eq!(mail.copies.len(), 1);
    let device = stage.bob.end().device;
    let kept =
        crate::wire::record::MailResult { id: mail.id, device, fate: crate::wire::record::MailFate::Kept };
    stage.hear(&Reply::MailResult(kept));
    stage.forget();
    stage.hear(&Reply::Contact(Box::new(contact)));
    assert_eq!(stage.asked, [], "the server has it");
}
