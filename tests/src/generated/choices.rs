//! Where what is generated gets its choices from.

/// A sequence of choices. The first of any alternatives is the simplest, and is taken when the sequence has run out.
#[derive(Debug, Clone)]
pub struct Choices {
    tape: Vec<u32>,
    at: usize,
    /// The state of the generator that makes more of the tape.
    random: Option<u64>,
}

impl Choices {
    /// Choices at random, the same for the same seed.
    pub fn seeded(seed: u64) -> Self {
        Self {
            tape: Vec::new(),
            at: 0,
            random: Some(seed),
        }
    }

    /// Choices that were written down.
    pub fn replayed(tape: Vec<u32>) -> Self {
        Self {
            tape,
            at: 0,
            random: None,
        }
    }

    /// One choice for each byte.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self::replayed(bytes.iter().map(|byte| u32::from(*byte)).collect())
    }

    /// Whether all that was written down has been chosen.
    pub fn is_at_end(&self) -> bool {
        self.random.is_none() && self.at >= self.tape.len()
    }

    /// What has been chosen.
    pub fn into_tape(mut self) -> Vec<u32> {
        self.tape.truncate(self.at);
        self.tape
    }

    /// A number below `n`, which is at least 1.
    pub fn below(&mut self, n: usize) -> usize {
        if self.at >= self.tape.len()
            && let Some(state) = &mut self.random
        {
            self.tape.push((split_mix(state) % n as u64) as u32);
        }
        let chosen = self.tape.get(self.at).map_or(0, |chosen| *chosen as usize);
        self.at += 1;
        chosen % n
    }

    /// One of several.
    pub fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        let index = self.below(from.len());
        &from[index]
    }

    /// Whether something happens that does so this often.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) >= 100 - percent
    }

    /// The position of one of several weights.
    pub fn weighted(&mut self, weights: &[usize]) -> usize {
        let mut rest = self.below(weights.iter().sum());
        for (index, weight) in weights.iter().enumerate() {
            if rest < *weight {
                return index;
            }
            rest -= weight;
        }
        0
    }
}

/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Makes a tape shorter and smaller, as long as what it makes still `fails`; asks at most `tries` times.
pub fn shrink(tape: &[u32], tries: usize, mut fails: impl FnMut(&[u32]) -> bool) -> Vec<u32> {
    let mut best = tape.to_vec();
    let mut left = tries;
    let mut attempt = |best: &mut Vec<u32>, candidate: Vec<u32>| {
        let is_better = left > 0 && candidate != *best && {
            left -= 1;
            fails(&candidate)
        };
        if is_better {
            *best = candidate;
        }
        is_better
    };
    loop {
        let before = best.clone();
        let mut len = best.len().max(1);
        while len > 0 {
            let mut from = 0;
            while from < best.len() {
                let to = (from + len).min(best.len());
                let without = [&best[..from], &best[to..]].concat();
                let mut zeroed = best.clone();
                zeroed[from..to].fill(0);
                if !attempt(&mut best, without) {
                    attempt(&mut best, zeroed);
                    from = to;
                }
            }
            len /= 2;
        }
        for at in 0..best.len() {
            let mut halved = best.clone();
            if let Some(choice) = halved.get_mut(at) {
                *choice /= 2;
            }
            attempt(&mut best, halved);
        }
        if best == before {
            return best;
        }
    }
}
