//! A place for something that works on the voice, which comes and goes over one block, so that nothing clicks.

/// Works on blocks of 10 ms, at the rate of the place it is in.
pub(super) trait Step {
    /// Takes the next block of what the speaker will play.
    fn far(&mut self, _block: &[f32]) {}

    /// Treats the next block of the microphone in place.
    fn near(&mut self, block: &mut [f32]);
}

/// Samples of the longest block.
const LONGEST: usize = super::BLOCK;

/// The place.
pub(super) struct Part<S> {
    now: Option<S>,
    next: Option<Next<S>>,
}

/// What will be in the place, and for how many blocks it works unheard yet.
struct Next<S> {
    step: Option<S>,
    unheard: u32,
}

impl<S: Step> Part<S> {
    /// What is in it is heard from the first block.
    pub(super) fn new(step: Option<S>) -> Self {
        Self { now: step, next: None }
    }

    /// Puts something else, or nothing, into the place; it is heard after so many blocks.
    pub(super) fn switch(&mut self, step: Option<S>, unheard: u32) {
        self.next = Some(Next { step, unheard });
    }

    /// Puts `step` in place of what is in it, or of what comes, which then comes when it would have.
    pub(super) fn exchange(&mut self, step: S) {
        let unheard = self.next.as_ref().map_or(0, |next| next.unheard);
        self.switch(Some(step), unheard);
    }

    /// Nothing is in it and nothing comes.
    pub(super) fn is_empty(&self) -> bool {
        self.now.is_none() && self.next.is_none()
    }

    /// What is in it and what comes.
    pub(super) fn each(&mut self) -> impl Iterator<Item = &mut S> {
        self.now.iter_mut().chain(self.next.as_mut().and_then(|next| next.step.as_mut()))
    }

    pub(super) fn far(&mut self, block: &[f32]) {
        self.each().for_each(|step| step.far(block));
    }

    pub(super) fn near(&mut self, block: &mut [f32]) {
        let Some(next) = &mut self.next else {
            if let Some(step) = &mut self.now {
                step.near(block);
            }
            return;
        };
        let mut room = [0.0; LONGEST];
        let coming = &mut room[..block.len()];
        coming.copy_from_slice(block);
        if let Some(step) = &mut self.now {
            step.near(block);
        }
        if let Some(step) = &mut next.step {
            step.near(coming);
        }
        if next.unheard > 0 {
            next.unheard -= 1;
            return;
        }
        fade(block, coming);
        self.now = self.next.take().and_then(|next| next.step);
    }
}

/// From what is in `block` to `coming`, in equal steps.
fn fade(block: &mut [f32], coming: &[f32]) {
    let step = 1.0 / block.len() as f32;
    for (n, (sample, coming)) in block.iter_mut().zip(coming).enumerate() {
        *sample += (coming - *sample) * ((n + 1) as f32 * step);
    }
}
