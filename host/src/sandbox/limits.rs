//! What a guest may use, each figure with its reason. Nothing here is measured in requests or tenants:
//! a limit holds for one call, one pack or one process.

use std::time::Duration;

/// The limits that a process may choose. What the compiled code depends on is fixed below instead, since
/// the compiling child and the host must agree on it to the bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SandboxLimits {
    /// Packs kept loaded. Each takes about 24 KiB and two memory mappings, and a process that reaches
    /// `vm.max_map_count` (65,530 by default) dies while it drops stores.
    pub packs_max: usize,
    /// Instances alive at the same time; further calls wait. Each reserves [`MEMORY_BYTES_MAX`] of
    /// address space, and takes two memory mappings while it lives.
    pub instances_max: u32,
    /// Packs that are compiled at the same time; further ones wait as long as their answer may take. Each takes a
    /// core for at most [`COMPILE_CPU_SECONDS_MAX`] and at most [`COMPILE_MEMORY_BYTES_MAX`].
    pub compiles_max: u32,
    /// Fuel for each rule and span of a call; see [`SandboxLimits::fuel`].
    pub fuel_per_span: u64,
    /// How fast fuel is spent at least; see [`SandboxLimits::deadline`].
    pub fuel_per_ms_min: u64,
    /// The shortest deadline of a call; see [`SandboxLimits::deadline`].
    pub deadline_min: Duration,
}

impl Default for SandboxLimits {
    fn default() -> Self {
        Self {
            packs_max: 10_000,
            instances_max: 32,
            compiles_max: 4,
            fuel_per_span: FUEL_PER_SPAN,
            fuel_per_ms_min: FUEL_PER_MS_MIN,
            deadline_min: Duration::from_millis(100),
        }
    }
}

impl SandboxLimits {
    /// Returns the fuel of a call.
    ///
    /// A call of one trace has at least the fuel that the trace had in company, so a trace that passes in
    /// company passes alone.
    pub fn fuel(&self, n_rules: usize, n_spans: usize) -> u64 {
        let spans = n_spans.max(SPANS_PER_CALL_MAX) as u64;
        self.fuel_per_span
            .saturating_mul(n_rules as u64)
            .saturating_mul(spans)
    }

    /// Returns how long a call with `fuel` may compute: so long that the fuel runs out first on any machine
    /// that is to run this.
    pub fn deadline(&self, fuel: u64) -> Duration {
        let of_fuel = fuel / self.fuel_per_ms_min.max(1);
        self.deadline_min.max(Duration::from_millis(of_fuel))
    }
}

/// A call holds at most this many spans, or one longer trace alone.
pub const SPANS_PER_CALL_MAX: usize = 16_384;

/// A call holds at most this many traces: those of which a rule reads no span take no rows.
pub const TRACES_PER_CALL_MAX: usize = 16_384;

/// Rules x traces of one call: what a guest must hold of verdicts, and the host of findings.
pub const VERDICTS_PER_CALL_MAX: usize = 1 << 20;

/// Rules of one call: keeps its deadline within a minute.
pub const RULES_PER_CALL_MAX: usize = 64;

const _: () = assert!(RULES_PER_CALL_MAX * TRACES_PER_CALL_MAX <= VERDICTS_PER_CALL_MAX);

/// A rule of the language spends 10 to 60 units on a span; sorting both sides of a join of 16 k spans
/// about 1,000, a regular expression over a text of 100 bytes on every span about 1,000. This leaves
/// four times the latter, and stops a loop after some 70 ms.
pub const FUEL_PER_SPAN: u64 = 4_096;

/// Metered code spends about 1,000,000 units in a millisecond of a core; a tenth of it is taken.
pub const FUEL_PER_MS_MIN: u64 = 100_000;

/// The unit of the epoch, and how often a guest's thread gives way that is to be in nobody's way. What wakes meanwhile and
/// does not preempt it, as the kernel's own threads do not, would else wait for the scheduler's tick, 4 ms as a rule.
pub const EPOCH_TICK: Duration = Duration::from_millis(1);

/// How often the epoch moves on while nobody is to give way: the error of a deadline.
pub const EPOCH_ROUND: Duration = Duration::from_millis(10);

/// The memory of an instance. A batch of 16 k spans with ten columns is about 2 MiB; texts are the rest.
pub const MEMORY_BYTES_MAX: usize = 64 << 20;

/// Entries of an instance's one table: as many functions as a Rust guest takes pointers to.
pub const TABLE_ELEMENTS_MAX: usize = 16_384;

/// The guest's stack. Rules do not recurse deeply; the language's compiler bounds its own nesting.
pub const STACK_BYTES_MAX: usize = 512 << 10;

/// Memory of an ended instance that is zeroed and kept rather than given back to the system: what a call of 16 k spans with
/// a few columns touches. Giving it back costs a page fault for each 4 KiB of the next call.
pub const KEEP_RESIDENT_BYTES: usize = 2 << 20;

/// The size of a pack as shipped.
pub const PACK_BYTES_MAX: usize = 4 << 20;

/// Custom sections of a pack, and their bytes: names and the like. Debug information is what grows beyond it.
pub const CUSTOM_SECTIONS_MAX: u32 = 64;

/// Bytes of all custom sections of a pack.
pub const CUSTOM_BYTES_MAX: usize = 2 << 20;

/// A name of an import, an export, a field: what is longer is there to be printed.
pub const NAME_BYTES_MAX: usize = 1 << 10;

/// Types of the component itself, and their fields and cases, counted through: the contract has about 20 types of
/// 60 fields. A type may refer to an earlier one twice, so a few dozen bytes unfold to millions.
pub const COMPONENT_TYPES_MAX: u32 = 1_000;

/// Aliases, imports and exports of the component and of the one that is nested in it for the names of its types.
pub const COMPONENT_ITEMS_MAX: u32 = 1_000;

/// Types of the guest module. A Rust guest has some hundred.
pub const TYPES_MAX: u32 = 10_000;

/// Parameters and results of one function. Each call and each branch costs the validator as much, and takes two
/// bytes.
pub const SIGNATURE_MAX: usize = 128;

/// Functions in the guest module of a pack. So many empty ones take a few of the seconds that a compiler has.
pub const FUNCTIONS_MAX: u32 = 10_000;

/// The code of one function: registers are given out by function, in more than linear time.
pub const FUNCTION_BYTES_MAX: usize = 512 << 10;

/// Locals of all functions of a pack together. A few bytes declare 50,000 locals in one function, and the
/// compiler's work grows with them.
pub const LOCALS_MAX: u64 = 500_000;

/// How deep blocks, loops and ifs lie in each other. The language's compiler stays below 100, LLVM below 300; the
/// compiler's work on variables grows with the depth.
pub const NESTING_MAX: u32 = 1_000;

/// Globals of the guest module: each is part of every instance.
pub const GLOBALS_MAX: u32 = 10_000;

/// Exports of the guest module.
pub const EXPORTS_MAX: u32 = 1_000;

/// Element segments of the guest module. A Rust guest has one.
pub const ELEMENT_SEGMENTS_MAX: u32 = 1_000;

/// Entries of all element segments together: four times what the table holds.
pub const ELEMENTS_MAX: u64 = 65_536;

/// Data segments of the guest module. A Rust guest has two or three.
pub const DATA_SEGMENTS_MAX: u32 = 10_000;

/// How long an upload waits for its answer, whatever it is.
pub const LOAD_WALL_MAX: Duration = Duration::from_secs(12);

/// What of [`LOAD_WALL_MAX`] is kept for `describe` and the trial: an ordinary pack takes a millisecond.
pub const TRIAL_WALL_MAX: Duration = Duration::from_millis(1_500);

/// Address space of the compiling child.
pub const COMPILE_MEMORY_BYTES_MAX: u64 = 1 << 30;

/// Processor time of the compiling child.
pub const COMPILE_CPU_SECONDS_MAX: u64 = 5;

/// Time until the compiling child is killed. Less where the upload waited for its turn.
pub const COMPILE_WALL_MAX: Duration = Duration::from_secs(10);

/// How many times the time of an upload a pack may take that was published and is loaded again, when a host starts:
/// it was compiled once within the limits, and the machine may be busier.
pub const COMPILE_AGAIN_TIMES: u32 = 4;

/// The size of a compiled pack. Metered code is some eight times the size of the guest's.
pub const COMPILED_BYTES_MAX: u64 = 64 << 20;

/// What `describe` may hand over.
pub const DESCRIPTION_BYTES_MAX: usize = 16 << 20;

/// Rules of one pack.
pub const RULES_MAX: usize = 4_096;

/// Different span names that the rules of a pack speak of: their numbers travel as `u16`, 0 is none.
pub const NAMES_MAX: usize = 65_535;

/// Different columns that the rules of a pack read.
pub const WANTS_MAX: usize = 4_096;

/// Different strings that the rules of a pack compare with.
pub const LITERALS_MAX: usize = 65_536;

/// A span name, an attribute's key, or a literal.
pub const WORD_BYTES_MAX: usize = 16 << 10;

/// A signal's name, and each of a rule's controls and labels.
pub const LABEL_BYTES_MAX: usize = 512;

/// A rule's summary; the text of its message in all.
pub const SENTENCE_BYTES_MAX: usize = 4 << 10;

/// Entries of each of a rule's short lists: message parts, controls, labels, any-of groups.
pub const ENTRIES_MAX: usize = 256;
