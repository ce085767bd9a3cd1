//! Writes what is heard, as WAV into a file and as raw samples into a pipe.

#![expect(clippy::disallowed_types, reason = "this is the door to sound files")]

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Flow, NAP};
use crate::device::DeviceError;
use crate::device::wav::{WavOut, to_i16};
use crate::ring::PcmRx;

/// Samples written at once, at most.
const BLOCK: usize = 4_800;

/// Whether there is a place for a file that is to be written. It is not opened before there is something to write.
///
/// # Errors
/// Its folder is not there, or it is a folder itself.
pub fn check(flow: &Flow) -> Result<(), DeviceError> {
    let Flow::File(path) = flow else { return Ok(()) };
    let refused = |why: &str| Err(DeviceError::File { path: path.clone(), why: why.to_owned() });
    if path.is_dir() {
        return refused("is a directory; name a file to write, or - for standard output");
    }
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            refused("its folder is not there; check the path")
        }
        Some(_) | None => Ok(()),
    }
}

/// Why no more is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The reader of a pipe went away.
    Closed,
    /// The disk, or whatever else was said.
    Other(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("nobody reads standard output any more"),
            Self::Other(why) => f.write_str(why),
        }
    }
}

impl From<DeviceError> for Failure {
    fn from(error: DeviceError) -> Self {
        Self::Other(error.to_string())
    }
}

/// Writes what comes through the ring until it is empty and `finish` says that no more will come.
pub(super) fn write(flow: &Flow, ring: &mut PcmRx, finish: &AtomicBool) -> Result<(), Failure> {
    match flow {
        Flow::File(path) => {
            let mut out = WavOut::create(path)?;
            each(ring, finish, |samples| {
                out.write(samples);
                out.take_failure().map_or(Ok(()), |failure| Err(failure.into()))
            })
        }
        Flow::Standard => {
            // Not through the standard library's own buffer, which looks for ends of lines.
            let owned = io::stdout().as_fd().try_clone_to_owned().map_err(|error| said(&error))?;
            let mut out = File::from(owned);
            let mut bytes = Vec::with_capacity(2 * BLOCK);
            each(ring, finish, |samples| {
                bytes.clear();
                bytes.extend(samples.iter().flat_map(|sample| to_i16(*sample).to_le_bytes()));
                out.write_all(&bytes).map_err(|error| said(&error))
            })
        }
    }
}

fn each(
    ring: &mut PcmRx,
    finish: &AtomicBool,
    mut write: impl FnMut(&[f32]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut block = [0.0; BLOCK];
    loop {
        // Asked first: after that, an empty ring stays empty.
        let last = finish.load(Ordering::Acquire);
        match ring.pop(&mut block) {
            0 if last => return Ok(()),
            0 => std::thread::park_timeout(NAP),
            count => write(&block[..count])?,
        }
    }
}

fn said(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Failure::Closed;
    }
    Failure::Other(format!("standard output: {error}"))
}
