//! What an operator asks of the files of a server.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};

use proto::invite::Invite;
use tincan_server::{Config, Server, own_invite};

use crate::friend::{Friend, Scratch};

#[test]
fn an_invite_names_the_server_as_it_is_configured_now() {
    let scratch = Scratch::new();
    let mut config = scratch.config();
    let server = Server::start(&config).unwrap();
    let first = server.invite().clone();
    assert_eq!(own_invite(&config, false).unwrap(), first);
    config.public = Some(("localhost.example".into(), None));
    let renamed = own_invite(&config, false).unwrap();
    assert_eq!(
        renamed,
        Invite { host: "localhost.example".into(), ..first.clone() },
        "the port it really has"
    );
    config.public = Some(("127.0.0.1".into(), Some(first.port)));
    let by_address = own_invite(&config, false).unwrap();
    assert_eq!(by_address.token, first.token, "asking revokes nothing");
    Friend::new("alice", 1, &by_address).log_in();
}

#[test]
fn a_data_directory_that_links_lead_to_is_as_good_as_any() {
    let scratch = Scratch::new();
    let config = Config { data: scratch.path().join("link/deep/tincand"), echo: true, ..scratch.config() };
    fs::create_dir(scratch.path().join("disk")).unwrap();
    symlink("disk", scratch.path().join("link")).unwrap();
    let first = Server::start(&config).unwrap().invite().clone();
    assert!(scratch.path().join("disk/deep/tincand/echo.db").exists());
    symlink("link/deep/tincand", scratch.path().join("short")).unwrap();
    let by_another = Config { data: scratch.path().join("short"), ..config };
    assert_eq!(Server::start(&by_another).unwrap().invite().server, first.server);
}

#[test]
fn an_invite_that_cannot_be_read_stops_the_server_and_stays_good() {
    let scratch = Scratch::new();
    let config = scratch.config();
    let first = Server::start(&config).unwrap().invite().clone();
    let file = scratch.path().join("invite");
    let kept = fs::read(&file).unwrap();
    fs::write(&file, "what is left of it").unwrap();
    let said = format!("{:#}", Server::start(&config).unwrap_err());
    assert!(said.contains("invite is damaged") && said.contains("delete"), "{said}");
    for new in [false, true] {
        assert!(own_invite(&config, new).is_err(), "it would be revoked");
    }
    fs::write(&file, kept).unwrap();
    assert_eq!(Server::start(&config).unwrap().invite().token, first.token);
}

#[test]
fn an_invite_is_written_when_it_changed() {
    let scratch = Scratch::new();
    let mut config = scratch.config();
    // Of an address that is to stay the same, so that only the name changes.
    config.public = Some(("one.example".into(), Some(8462)));
    let write = |config: &Config| {
        drop(Server::start(config).unwrap());
        fs::metadata(scratch.path().join("invite")).unwrap().ino()
    };
    let first = write(&config);
    assert_eq!(write(&config), first);
    config.public = Some(("two.example".into(), Some(8462)));
    assert_ne!(write(&config), first);
    assert_eq!(own_invite(&config, false).unwrap().host, "two.example");
}
