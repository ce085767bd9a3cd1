//! The mirror of [`crate::wire::reader`]: appends numbers and bytes to a vector.

/// Appends to a vector that somebody else owns and reuses.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    /// Appends to `out`.
    pub const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// Bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.out.extend_from_slice(bytes);
        self
    }

    /// A byte.
    pub fn u8(&mut self, n: u8) -> &mut Self {
        self.bytes(&[n])
    }

    /// Two bytes, big-endian.
    pub fn u16(&mut self, n: u16) -> &mut Self {
        self.bytes(&n.to_be_bytes())
    }

    /// Four bytes, big-endian.
    pub fn u32(&mut self, n: u32) -> &mut Self {
        self.bytes(&n.to_be_bytes())
    }

    /// Eight bytes, big-endian.
    pub fn u64(&mut self, n: u64) -> &mut Self {
        self.bytes(&n.to_be_bytes())
    }

    /// Four bytes, little-endian and signed.
    pub fn i32_le(&mut self, n: i32) -> &mut Self {
        self.bytes(&n.to_le_bytes())
    }

    /// Eight bytes, little-endian.
    pub fn u64_le(&mut self, n: u64) -> &mut Self {
        self.bytes(&n.to_le_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::reader::Reader;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_reader_reads_it_back(a in any::<u8>(), b in any::<u16>(), c in any::<u32>(), d in any::<u64>(),
                                    e in any::<i32>(), f in any::<u64>()) {
            let mut out = Vec::new();
            Writer::new(&mut out).u8(a).u16(b).u32(c).u64(d).i32_le(e).u64_le(f);
            let mut r = Reader::new(&out);
            prop_assert_eq!((r.u8("a"), r.u16("b"), r.u32("c")), (Ok(a), Ok(b), Ok(c)));
            prop_assert_eq!((r.u64("d"), r.i32_le("e"), r.u64_le("f")), (Ok(d), Ok(e), Ok(f)));
            prop_assert_eq!(r.end("tail"), Ok(()));
        }
    }
}
