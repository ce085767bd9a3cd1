//! How much sound an Opus packet holds, from its first bytes (RFC 6716 section 3.1), for those who pass frames on
//! without decoding them.

use core::time::Duration;

/// The duration of an Opus packet; none when it has no valid beginning or would last over 120 ms.
pub fn duration(packet: &[u8]) -> Option<Duration> {
    let toc = *packet.first()?;
    let micros: u64 = match toc >> 3 {
        config @ 0..12 => [10_000, 20_000, 40_000, 60_000][usize::from(config % 4)],
        config @ 12..16 => [10_000, 20_000][usize::from(config % 2)],
        config => [2_500, 5_000, 10_000, 20_000][usize::from(config % 4)],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u64::from(packet.get(1)? & 63),
    };
    let whole = Duration::from_micros(micros * frames);
    (!whole.is_zero() && whole <= Duration::from_millis(120)).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_the_table() {
        let micros = |packet: &[u8]| duration(packet).map(|whole| whole.as_micros());
        assert_eq!(micros(&[3 << 3]), Some(60_000), "SILK, narrow band");
        assert_eq!(micros(&[15 << 3]), Some(20_000), "hybrid, full band");
        assert_eq!(micros(&[28 << 3]), Some(2_500), "CELT, full band");
        assert_eq!(micros(&[30 << 3 | 1]), Some(20_000), "two of 10 ms");
        assert_eq!(micros(&[31 << 3 | 3, 3]), Some(60_000), "three of 20 ms");
        assert_eq!(micros(&[3 << 3 | 3, 3]), None, "180 ms");
        assert_eq!((micros(&[]), micros(&[3]), micros(&[3, 0])), (None, None, None));
    }
}
