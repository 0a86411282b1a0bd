//! What judging one block may spend on rules that fail.

/// How often a rule that ran past its deadline on one trace alone is tried, each time with twice the
/// deadline of the time before.
pub(super) const TIME_TRIES: u32 = 3;

/// The failing calls of one rule on one block, in units of the fuel of one call. Halving finds one bad trace
/// of 16 k in 29 calls, half of them failing, so this finds some four of them where each spends all of its
/// fuel, in about 5 s of a core, and all of them where they trap at once.
pub(super) const REPEAT_FUEL_CALLS: u64 = 64;

/// What a call costs that was stopped for time, in the same units: its deadline is ten times as long as its
/// fuel lasts in ordinary code.
pub(super) const REPEAT_TIME_CALLS: u64 = 4;

/// What a failing call costs at least, as a part of the fuel of one call: making an instance and a batch for
/// it takes some 20 us, where spending all fuel takes 100 ms.
pub(super) const REPEAT_FUEL_PARTS: u64 = 2_048;

/// One call in so many of each pack, the first among them, is judged again trace by trace.
pub(super) const AGAIN_ONE_CALL_IN: u64 = 64;

/// How many traces of such a call are judged again. Each costs a call, some 15 us, so that all calls are dearer by
/// half a microsecond: a call of 16 k spans takes about 100.
pub(super) const AGAIN_TRACES_MAX: usize = 2;

/// The same for the first call of a pack, which happens once.
pub(super) const AGAIN_FIRST_TRACES_MAX: usize = 16;

/// What metered code spends in a millisecond of a core, about: how much fuel a call is given of an allowance of time.
pub(super) const FUEL_PER_MS: u64 = 1_000_000;

/// The fuel that a call has at least, however little of an allowance is left: a millisecond's worth.
pub(super) const FUEL_PER_CALL_MIN: u64 = FUEL_PER_MS;
