//! Sound as numbers: something to say, where it is found again, how loud, and where nothing was heard.
//! Everything is mono at 48 kHz, full scale 1.0.

use std::f64::consts::TAU;
use std::path::Path;

pub(crate) const RATE: usize = 48_000;

/// `seconds` of something a voice codec takes for a voice and a correlator cannot mistake for its neighbour: harmonics
/// over a pitch that wanders, shaped into syllables. Never silent, so that silence in a recording is a gap.
/// Another `voice` is another speaker.
pub(crate) fn voice_like(voice: u64, seconds: f64) -> Vec<f32> {
    let mut state = voice.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut draw = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let total = (seconds * RATE as f64) as usize;
    let mut samples = Vec::with_capacity(total);
    let (mut phase, mut pitch) = (0.0, 100.0 + 80.0 * draw());
    while samples.len() < total {
        let syllable = (RATE as f64 * (0.12 + 0.14 * draw())) as usize;
        let aim = 90.0 + 140.0 * draw();
        let colour: Vec<f64> = (1..=14).map(|h| draw() / f64::from(h).sqrt()).collect();
        let start = pitch;
        for i in 0..syllable {
            let at = i as f64 / syllable as f64;
            pitch = start + (aim - start) * at;
            phase = (phase + TAU * pitch / RATE as f64) % TAU;
            let tone: f64 = colour.iter().zip(1..).map(|(c, h)| c * (f64::from(h) * phase).sin()).sum();
            samples.push((0.05 * tone * (0.6 + 0.4 * (TAU * at).cos())) as f32);
        }
    }
    samples.truncate(total);
    samples
}

/// Where and how well `reference` is found in `recording`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    /// Sample of the recording at which the reference begins.
    pub(crate) at: usize,
    /// Normalised cross-correlation there: 1.0 is the same wave at any level.
    pub(crate) likeness: f64,
    /// Level there against the reference's.
    pub(crate) level_db: f64,
}

/// The best place for `reference` in `recording`.
pub(crate) fn find(reference: &[f32], recording: &[f32]) -> Found {
    let length = reference.len();
    assert!(recording.len() >= length && length > 0, "the recording is shorter than what is looked for");
    let products = correlate(reference, recording);
    let mut sums = Vec::with_capacity(recording.len() + 1);
    sums.push(0.0);
    for &s in recording {
        sums.push(sums[sums.len() - 1] + f64::from(s) * f64::from(s));
    }
    let own = energy(reference);
    let (mut best, mut likeness, mut there) = (0, 0.0, 0.0);
    for at in 0..=recording.len() - length {
        let heard = sums[at + length] - sums[at];
        // Far below hearing there is only rounding, which correlates with anything.
        if heard < own * 1e-6 {
            continue;
        }
        let alike = products[at] / (heard * own).sqrt();
        if alike > likeness {
            (best, likeness, there) = (at, alike, heard);
        }
    }
    Found { at: best, likeness, level_db: 10.0 * (there / own).max(1e-12).log10() }
}

pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Root mean square in dB of full scale; -120 is nothing at all.
pub(crate) fn level_db(samples: &[f32]) -> f64 {
    10.0 * (energy(samples) / samples.len().max(1) as f64).max(1e-12).log10()
}

/// Runs of at least `shortest` samples whose 10 ms blocks are all below `floor_db`, as start and end.
pub(crate) fn silences(recording: &[f32], floor_db: f64, shortest: usize) -> Vec<(usize, usize)> {
    let block = RATE / 100;
    let mut runs = Vec::new();
    let mut since = None;
    for (index, piece) in recording.chunks_exact(block).enumerate() {
        let at = index * block;
        if level_db(piece) < floor_db {
            since.get_or_insert(at);
        } else if let Some(start) = since.take() {
            runs.push((start, at));
        }
    }
    if let Some(start) = since {
        runs.push((start, recording.len() / block * block));
    }
    runs.retain(|(start, end)| end - start >= shortest);
    runs
}

pub(crate) fn write_wav(path: &Path, samples: &[f32]) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE as u32,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, spec).expect("the scratch directory takes a file");
    for &s in samples {
        file.write_sample(to_i16(s)).expect("the disk takes the samples");
    }
    file.finalize().expect("the disk takes the header");
}

/// Waits until a speaker that is a wav has been given so many seconds more: sound's own time, however busy the machine.
pub(crate) fn pass(speaker: &Path, seconds: f64) {
    let heard =
        || hound::WavReader::open(speaker).map_or(0.0, |file| f64::from(file.duration()) / RATE as f64);
    let until = heard() + seconds;
    super::wait_for(&format!("{seconds} s of sound in {}", speaker.display()), || {
        (heard() >= until).then_some(())
    });
}

/// Any wav, its first channel, brought to 48 kHz by straight lines between samples: good enough to be spoken.
pub(crate) fn read_wav(path: &Path) -> Vec<f32> {
    let mut file = hound::WavReader::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let spec = file.spec();
    let all: Vec<f32> = match spec.sample_format {
        hound::SampleFormat::Float => file.samples::<f32>().filter_map(Result::ok).collect(),
        hound::SampleFormat::Int => {
            let full = (1u64 << (spec.bits_per_sample - 1)) as f32;
            file.samples::<i32>().filter_map(Result::ok).map(|s| s as f32 / full).collect()
        }
    };
    let mono: Vec<f32> = all.into_iter().step_by(usize::from(spec.channels)).collect();
    at_rate(&mono, spec.sample_rate as usize)
}

fn at_rate(samples: &[f32], rate: usize) -> Vec<f32> {
    let total = samples.len() * RATE / rate;
    (0..total)
        .map(|i| {
            let (at, between) = (i * rate / RATE, (i * rate % RATE) as f32 / RATE as f32);
            let next = samples.get(at + 1).copied().unwrap_or(0.0);
            samples[at] + (next - samples[at]) * between
        })
        .collect()
}

pub(crate) fn to_i16(sample: f32) -> i16 {
    (sample.clamp(-1.0, 1.0) * 32767.0) as i16
}

pub(crate) fn energy(samples: &[f32]) -> f64 {
    samples.iter().map(|&s| f64::from(s) * f64::from(s)).sum()
}

/// Sum of products at every shift of `reference` along `recording`, by way of the spectrum.
fn correlate(reference: &[f32], recording: &[f32]) -> Vec<f64> {
    let size = (reference.len() + recording.len()).next_power_of_two();
    let mut a = Spectrum::of(reference, size);
    let b = Spectrum::of(recording, size);
    for i in 0..size {
        let (re, im) = (a.re[i] * b.re[i] + a.im[i] * b.im[i], a.re[i] * b.im[i] - a.im[i] * b.re[i]);
        // Conjugated on the way back, so that the same transform inverts.
        (a.re[i], a.im[i]) = (re, -im);
    }
    a.transform();
    a.re.iter().map(|v| v / size as f64).collect()
}

/// What a Fourier transform gives.
pub(super) struct Spectrum {
    re: Vec<f64>,
    im: Vec<f64>,
}

impl Spectrum {
    /// Of `samples`, filled up with silence to `size`, a power of two.
    pub(super) fn of(samples: &[f32], size: usize) -> Self {
        let mut re: Vec<f64> = samples.iter().map(|&s| f64::from(s)).collect();
        re.resize(size, 0.0);
        let mut spectrum = Self { im: vec![0.0; size], re };
        spectrum.transform();
        spectrum
    }

    pub(super) fn power(&self, line: usize) -> f64 {
        self.re[line] * self.re[line] + self.im[line] * self.im[line]
    }

    /// The fast Fourier transform, radix 2, in place.
    fn transform(&mut self) {
        let size = self.re.len();
        let shift = usize::BITS - size.trailing_zeros();
        for i in 0..size {
            let j = i.reverse_bits() >> shift;
            if i < j {
                self.re.swap(i, j);
                self.im.swap(i, j);
            }
        }
        let mut half = 1;
        while half < size {
            let turns: Vec<(f64, f64)> = (0..half)
                .map(|k| (-TAU / 2.0 * k as f64 / half as f64).sin_cos())
                .map(|(sin, cos)| (cos, sin))
                .collect();
            for start in (0..size).step_by(2 * half) {
                for (k, (cos, sin)) in turns.iter().enumerate() {
                    self.butterfly(start + k, start + k + half, *cos, *sin);
                }
            }
            half *= 2;
        }
    }

    fn butterfly(&mut self, i: usize, j: usize, cos: f64, sin: f64) {
        let (re, im) = (self.re[j] * cos - self.im[j] * sin, self.re[j] * sin + self.im[j] * cos);
        (self.re[j], self.im[j]) = (self.re[i] - re, self.im[i] - im);
        self.re[i] += re;
        self.im[i] += im;
    }
}

#[test]
fn what_was_said_is_found_again_at_its_level() {
    let said = voice_like(1, 2.0);
    let mut heard = vec![0.0; 31_000];
    heard.extend(said.iter().map(|s| s / 2.0));
    heard.extend(voice_like(2, 1.0));
    let found = find(&said, &heard);
    assert_eq!(found.at, 31_000);
    assert!(found.likeness > 0.999 && (found.level_db + 6.02).abs() < 0.05, "{found:?}");
    let other = find(&voice_like(3, 2.0), &heard);
    assert!(other.likeness < 0.5, "another voice must not be found: {other:?}");
    assert_eq!(silences(&heard, -60.0, RATE / 10), [(0, 30_720)]);
}
