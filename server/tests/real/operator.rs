//! What an operator asks of the files of a server.

use std::fs;
use std::os::unix::fs::symlink;

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
