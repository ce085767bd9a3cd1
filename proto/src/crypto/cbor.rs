//! Strict reading of CBOR that is signed or sealed: what two readers could take for two things is refused.

use minicbor::Decoder;

/// Whether `cbor` is one map of definite length with rising whole-number keys and nothing behind it: no key can
/// come twice, nothing can hide behind the end. Keys that nobody knows yet are allowed.
pub(crate) fn is_strict_map(cbor: &[u8]) -> bool {
    rising_keys(cbor).is_ok_and(|rising| rising)
}

fn rising_keys(cbor: &[u8]) -> Result<bool, minicbor::decode::Error> {
    let mut d = Decoder::new(cbor);
    let Some(pairs) = d.map()? else { return Ok(false) };
    let mut last = None;
    for _ in 0..pairs {
        let key = Some(d.u32()?);
        if key <= last {
            return Ok(false);
        }
        last = key;
        d.skip()?;
    }
    Ok(d.position() == cbor.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_reading_is_possible() {
        assert!(is_strict_map(&[0xa0]));
        assert!(is_strict_map(&[0xa2, 0, 1, 7, 2]));
        assert!(!is_strict_map(&[0xa2, 0, 1, 0, 2]), "a key twice");
        assert!(!is_strict_map(&[0xa2, 7, 1, 0, 2]), "falling keys");
        assert!(!is_strict_map(&[0xbf, 0, 1, 0xff]), "no definite length");
        assert!(!is_strict_map(&[0xa1, 0, 1, 9]), "something behind the end");
        assert!(
            !is_strict_map(&[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            "a length that lies"
        );
        assert!(!is_strict_map(&[]));
    }
}
