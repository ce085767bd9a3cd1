//! What the speech processing costs, against what the encoder costs: `cargo bench -p tincan-audio --bench process`.
//! Times on a busy machine are upper bounds; the ratio stays.

#![expect(clippy::print_stdout, reason = "printing the table is what it is for")]
#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "a bench looks at the clock")]

use std::time::Instant;

use audio::codec::{Encoder, EncoderSettings};
use audio::frame::OpusFrame;
use audio::process::{BLOCK, Band, Hint, NoiseLevel, Place, Policy, Processor, ProcessorSettings};
use proto::media::processing::Wishes;

/// Blocks of 10 ms: 20 s.
const BLOCKS: usize = 2_000;

/// A buzz of changing pitch with pauses, which keeps every part busy.
fn block(n: usize, pitch: f32) -> [f32; BLOCK] {
    std::array::from_fn(|s| {
        let time = (n * BLOCK + s) as f32 / 48_000.0;
        let syllable = (time * 19.0).sin().max(0.0);
        let throat: f32 = (1..12).map(|k| (time * pitch * k as f32 * 6.3).sin() / k as f32).sum();
        syllable * throat * 0.1
    })
}

/// Microseconds per block: the mean, and what 99 of 100 stay below.
fn time(mut act: impl FnMut(&[f32; BLOCK], &mut [f32; BLOCK])) -> (f64, f64) {
    let mut taken: Vec<f64> = (0..BLOCKS)
        .map(|n| {
            let (far, mut near) = (block(n, 110.0), block(n, 170.0));
            let begun = Instant::now();
            act(&far, &mut near);
            begun.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    taken.sort_by(f64::total_cmp);
    (taken.iter().sum::<f64>() / BLOCKS as f64, taken[BLOCKS * 99 / 100])
}

fn main() {
    let mut encoder = Encoder::new(EncoderSettings::default()).unwrap();
    let mut packet = OpusFrame::EMPTY;
    let encode = time(|_, near| encoder.encode(near, &mut packet).unwrap());
    let mut policy = Policy::new(Wishes::default());
    policy.place(Place { room: true, low_delay: false, hint: Hint::None });
    let listen = time(|far, near| {
        policy.far(far);
        policy.near(near);
    });
    let off = ProcessorSettings::default();
    let all = ProcessorSettings { echo: true, noise: Some(NoiseLevel::Moderate), gain: true, ..off };
    let parts = [
        ("bypassed", off),
        ("echo", ProcessorSettings { echo: true, ..off }),
        ("noise", ProcessorSettings { noise: all.noise, ..off }),
        ("gain", ProcessorSettings { gain: true, ..off }),
        ("all three", all),
        ("echo, full band", ProcessorSettings { echo: true, band: Band::Full, ..off }),
        ("noise, full band", ProcessorSettings { noise: all.noise, band: Band::Full, ..off }),
        ("all three, full band", ProcessorSettings { band: Band::Full, ..all }),
    ];
    println!("{:24}{:>10}{:>10}{:>10}{:>12}", "10 ms of voice", "mean us", "p99 us", "% core", "x encoder");
    let row = |name: &str, (mean, p99): (f64, f64)| {
        println!("{name:24}{mean:10.1}{p99:10.1}{:10.2}{:12.2}", mean / 100.0, mean / encode.0);
    };
    row("encode, 33.6 kbit/s", encode);
    row("listen for an echo", listen);
    for (name, settings) in parts {
        let mut processor = Processor::new(settings);
        row(
            name,
            time(|far, near| {
                processor.far(far);
                processor.near(near);
            }),
        );
    }
}
