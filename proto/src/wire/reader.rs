//! A cursor over bytes from the network: every read is checked against what is left, and what is missing has a
//! name.

use core::fmt;

/// Bytes that no form of ours allows, and the field that shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Which field; one of a fixed set of words, for counters and refusals.
    pub field: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the field \"{}\" cannot be read", self.field)
    }
}

impl core::error::Error for Malformed {}

/// A cursor. Big-endian unless the name says otherwise: datagrams are, seed A's header is not.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A cursor at the start of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    /// Bytes not read yet.
    pub const fn left(&self) -> usize {
        self.left.len()
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// Fewer are left. The cursor does not move then.
    pub fn take(&mut self, len: usize, field: &'static str) -> Result<&'a [u8], Malformed> {
        let (head, tail) = self.left.split_at_checked(len).ok_or(Malformed { field })?;
        self.left = tail;
        Ok(head)
    }

    /// A cursor over the next `len` bytes only.
    ///
    /// # Errors
    /// As [`Reader::take`].
    pub fn sub(&mut self, len: usize, field: &'static str) -> Result<Self, Malformed> {
        self.take(len, field).map(Self::new)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// As [`Reader::take`].
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Malformed> {
        let (head, tail) = self.left.split_first_chunk().ok_or(Malformed { field })?;
        self.left = tail;
        Ok(*head)
    }

    /// A byte.
    ///
    /// # Errors
    /// As [`Reader::take`].
    pub fn u8(&mut self, field: &'static str) -> Result<u8, Malformed> {
        self.array(field).map(|[b]| b)
    }

    /// Two bytes.
    ///
    /// # Errors
    /// As [`Reader::take`].
    pub fn u16(&mut self, field: &'static str) -> Result<u16, Malformed> {
        self.array(field).map(u16::from_be_bytes)
    }

    /// Four bytes.
    ///
    /// # Errors
    /// As [`Reader::take`].
    pub fn u32(&mut self, field: &'static str) -> Result<u32, Malformed> {
        self.array(field).map(u32::from_be_bytes)
    }

    /// Eight bytes.
    ///
    /// # Errors
    /// As [`Reader::take`].
    pub fn u64(&mut self, field: &'static str) -> Result<u64, Malformed> {
        self.array(field).map(u64::from_be_bytes)
    }

    /// Four bytes, little-endian and signed, as in seed A's header.
    ///
    /// # Errors
    /// As [`Reader::take`].
    pub fn i32_le(&mut self, field: &'static str) -> Result<i32, Malformed> {
        self.array(field).map(i32::from_le_bytes)
    }

    /// Eight bytes, little-endian, as in seed A's header.
    ///
    /// # Errors
    /// As [`Reader::take`].
    pub fn u64_le(&mut self, field: &'static str) -> Result<u64, Malformed> {
        self.array(field).map(u64::from_le_bytes)
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.left)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Something is left.
    pub const fn end(&self, field: &'static str) -> Result<(), Malformed> {
        if self.left.is_empty() { Ok(()) } else { Err(Malformed { field }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_there_and_names_what_is_not() {
        let mut r = Reader::new(&[1, 0, 2, 7, 0, 0, 0, 9]);
        assert_eq!(r.u8("a"), Ok(1));
        assert_eq!(r.u16("b"), Ok(2));
        assert_eq!(r.i32_le("c"), Ok(7));
        assert_eq!(r.u16("d"), Err(Malformed { field: "d" }));
        assert_eq!(r.end("tail"), Err(Malformed { field: "tail" }));
        assert_eq!(r.rest(), &[9]);
        assert_eq!(r.end("tail"), Ok(()));
    }
}
