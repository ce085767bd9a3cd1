//! The bounds that only the client's shell has; those that both ends share are in `proto::limits`.

use std::time::Duration;

/// A link of one's own is shown for so long, and another is made then: whoever gets it has the rest of the 7 days that the
/// server takes it for.
pub const LINK_SHOWN_TIME: Duration = Duration::from_secs(24 * 3600);

/// Bytes of one line on standard input: a command, a name and the longest text, with room to spare.
pub const COMMAND_BYTES_MAX: usize = 8 << 10;
/// Command lines read ahead of the loop.
pub const COMMANDS_AHEAD_MAX: usize = 64;
/// Pieces of text that wait for a standard output that takes none.
pub const LINES_UNWRITTEN_MAX: usize = 256;
/// Bytes taken from the server's socket in one turn, so that one loud peer does not starve the keyboard.
pub const READ_PER_TURN_MAX: usize = 256 << 10;
/// How long a microphone may take to close when that is waited for.
pub const MICROPHONE_CLOSE_TIME_MAX: Duration = Duration::from_secs(1);
/// Links that are followed to a configuration that is not there yet.
pub const CONFIG_LINKS_MAX: usize = 8;
/// From the start of a connection to one address until the handshake is done.
pub const CONNECT_TIME_MAX: Duration = Duration::from_secs(8);
/// Addresses of one host name that are tried.
pub const ADDRESSES_MAX: usize = 8;
/// Tries to reach a server that never answered before a program without a screen gives up.
pub const FIRST_TRIES_MAX: u32 = 3;
/// How long the end of the program waits for what is still to be written to the server.
pub const FAREWELL_TIME_MAX: Duration = Duration::from_secs(1);
/// How long a plain connection that we closed may take to be closed at the other end, before it is reset.
pub const PARTING_TIME_MAX: Duration = Duration::from_millis(500);
/// Between two looks at such connections.
pub const PARTING_LOOK: Duration = Duration::from_millis(20);
/// Such connections at once; the oldest makes room.
pub const PARTINGS_MAX: usize = 16;
/// Callers are let in again so long after the system had no room for them.
pub const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(200);
/// How long `tincan invite` waits for a server that answers slowly.
pub const INVITE_TIME_MAX: Duration = Duration::from_secs(20);
/// Bytes after which the log of the screen is put aside.
pub const LOG_BYTES_MAX: u64 = 1 << 20;
/// Lines of one chat that are kept for the screen; older ones stay in the store.
pub const CHAT_LINES_MAX: usize = 2_000;
/// Bytes of the same: texts as long as texts can be would fill the memory long before so many lines.
pub const CHAT_BYTES_MAX: usize = 1 << 20;
/// People who went from the list and are still known, for what is told of their last texts.
pub const PEOPLE_GONE_MAX: usize = 256;
/// Chats that are kept for the screen: those of everybody in the list, and of some who went.
pub const CHATS_MAX: usize = proto::limits::CONTACTS_MAX + PEOPLE_GONE_MAX;
/// Bytes of what is typed to add a contact: the longest link of ours is about 200, with a long host 450.
pub const ADD_BYTES_MAX: usize = 500;
/// Bytes of what is typed to find a command, a key or a contact.
pub const FILTER_BYTES_MAX: usize = 120;
/// Removals that can be taken back at once; with one more the oldest is final before its time.
pub const REMOVALS_MAX: usize = 16;
/// Lines of a chat that are read back.
pub const HISTORY_LINES_MAX: usize = 500;
/// Texts said and not yet in the outbox.
pub const UNSAVED_TEXTS_MAX: usize = 64;
/// Programs asking the running client for something at once.
pub const VISITORS_MAX: usize = 8;
/// Bytes of one request of theirs, with its end.
pub const VISITOR_BYTES_MAX: usize = 256;
/// Bytes of one answer: a call with 31 others is named in it.
pub const ANSWER_BYTES_MAX: u64 = 16 << 10;
/// Bytes a terminal says to a question: one that says more is not answering.
pub const REPLY_BYTES_MAX: usize = 4 << 10;
/// How long a program that asks the running client for something waits for the answer.
pub const VISIT_TIME_MAX: Duration = Duration::from_secs(3);
/// The same, where the client has to ask the server.
pub const VISIT_SERVER_TIME_MAX: Duration = Duration::from_secs(15);
/// Servers one profile remembers.
pub const KNOWN_SERVERS_MAX: usize = 1_000;
/// Bytes of a text that are put into the terminal's clipboard: the longest message, and far below what any takes.
pub const COPY_BYTES_MAX: usize = 16 << 10;
/// Commands of `[notify]` at once, and how long one may take.
pub const HOOKS_MAX: usize = 4;
/// See [`HOOKS_MAX`].
pub const HOOK_TIME_MAX: Duration = Duration::from_secs(30);
/// How loud a member of a call is played at most, in percent of what they sent: the agent's own bound.
pub const VOLUME_PERCENT_MAX: u16 = 200;
/// Ports tried until one is free for callers and for their voice.
pub const PORTS_TRIED_MAX: usize = 16;
/// Bytes of one line of the linear mode: the longest text of others, with who wrote it.
pub const LINE_BYTES_MAX: usize = proto::limits::TEXT_BYTES_MAX + 128;
/// Things that lines asked for and that are not answered yet.
pub const ANSWERS_AWAITED_MAX: usize = 256;
/// How long what a script said may take to arrive after its end.
pub const DRAIN_TIME_MAX: Duration = Duration::from_secs(5);
/// How long the second ^C of the linear mode may take.
pub const INTERRUPT_TIME: Duration = Duration::from_secs(5);
/// A voice whose loudest sample is below this was not heard, in dBFS.
pub const QUIET_DB: f32 = -60.0;
/// Share of samples that may be as large as samples get before the sound is torn.
pub const CLIPPED_MAX: f32 = 0.001;
/// Bytes of an address that a terminal may be told is a link (VTE takes 2083), and as many are written with it.
pub const LINK_BYTES_MAX: usize = 2_000;
/// How long a terminal may take to say what its keyboard can.
pub const TERMINAL_ANSWER_TIME_MAX: Duration = Duration::from_millis(1_000);
/// Seconds of the microphone that `tincan doctor` listens to.
pub const LISTEN_SECONDS: usize = 2;
/// Seconds that `tincan echo` records.
pub const ECHO_SECONDS: usize = 3;
/// Share of samples that may be lost while the devices are only looked at.
pub const LOST_MAX: f32 = 0.01;
/// Share of a core above which encoding and decoding together leave too little for a call.
pub const CODEC_MAX: f32 = 0.3;
/// From speaker to microphone; above it people begin to talk into each other.
pub const DEVICE_ROUND_TRIP_MAX: Duration = Duration::from_millis(200);
/// A name that takes longer to look up holds up every start.
pub const LOOK_UP_TIME_MAX: Duration = Duration::from_secs(5);
/// How long the doctor waits for one address of the server.
pub const TCP_TIME_MAX: Duration = Duration::from_secs(4);
/// How long an answer by UDP may take, and how often it is asked for.
pub const UDP_TIME_MAX: Duration = Duration::from_millis(700);
/// See [`UDP_TIME_MAX`].
pub const UDP_TRIES: usize = 3;
/// To the server; above it people begin to talk into each other.
pub const ROUND_TRIP_MAX: Duration = Duration::from_millis(300);
/// A clock that is further off misdates what is written.
pub const CLOCK_OFF_NOTED: Duration = Duration::from_secs(5);
/// One that is further off than this makes mail and certificates of other programs fail, too.
pub const CLOCK_OFF_MAX: Duration = Duration::from_secs(120);
/// Bytes of a configuration that is written back.
pub const CONFIG_BYTES_MAX: usize = 1 << 20;

const _: () = assert!(CHAT_BYTES_MAX >= 16 * proto::limits::TEXT_BYTES_MAX);
