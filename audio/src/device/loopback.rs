//! A microphone that hears its own speaker, as with a cable from one to the other.

/// Samples the cable delays: one block, since a block is heard before it is said.
pub const DELAY: usize = 240;

/// The cable.
pub struct Loopback {
    cable: [f32; DELAY],
    at: usize,
}

impl Default for Loopback {
    fn default() -> Self {
        Self { cable: [0.0; DELAY], at: 0 }
    }
}

impl Loopback {
    /// Puts what was played in at one end and takes what was played [`DELAY`] samples ago out at the other.
    pub fn exchange(&mut self, heard: &[f32], said: &mut [f32]) {
        for (said, heard) in said.iter_mut().zip(heard) {
            *said = std::mem::replace(&mut self.cable[self.at], *heard);
            self.at = (self.at + 1) % DELAY;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_later_whatever_the_blocks() {
        for block in [1, 100, 240, 960] {
            let heard: Vec<f32> = (0..1_920).map(|n| n as f32).collect();
            let mut said = vec![0.0; heard.len()];
            let mut loopback = Loopback::default();
            for (said, heard) in said.chunks_mut(block).zip(heard.chunks(block)) {
                loopback.exchange(heard, said);
            }
            assert_eq!(said[DELAY..], heard[..1_920 - DELAY]);
        }
    }
}
