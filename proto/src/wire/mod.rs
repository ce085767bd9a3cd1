//! Bytes and values, and nothing else: no state but the frame splitter's.
//!
//! [`request`] and [`reply`] are the one vocabulary of the house; [`native`] translates it to and from frames, with
//! the payloads of seed A from [`binary`] and those of our own codes from [`extension`], whose records are in
//! [`record`]; [`code`] has the numbers; [`frame`] cuts a stream into frames; [`datagram`]
//! knows what travels by UDP, [`copies`] what goes along with a frame, [`report`] what a report says, and [`opus`] how
//! long a packet of sound lasts; [`stun`] is how one learns from where one is heard. The two protocols this one grew from are spoken by [`plain`] (seed A, in the frames of its own programs) and [`text`]
//! (seed B).

#[cfg(test)]
pub(crate) mod arbitrary;
pub mod binary;
pub mod code;
pub mod copies;
pub mod datagram;
pub mod extension;
pub mod frame;
pub mod native;
pub mod opus;
pub mod plain;
mod plain_voice;
pub mod reader;
pub mod record;
pub mod reply;
pub mod report;
pub mod request;
pub mod stun;
pub mod text;
pub mod writer;

pub use frame::{Frame, FrameError, Splitter};
pub use native::{DecodeError, decode_reply, decode_request, encode_reply, encode_request};
pub use reader::{Malformed, Reader};
pub use reply::{Party, Reply};
pub use request::Request;
pub use writer::Writer;
