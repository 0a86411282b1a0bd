//! The engine: which of WebAssembly exists for a guest.
//!
//! The same configuration serves the host and the compiling child. Whatever changes the compiled code
//! comes from constants, so that the two agree; how many instances there may be does not.

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
    Strategy,
};

use super::{
    error::SandboxError,
    limits::{
        KEEP_RESIDENT_BYTES, MEMORY_BYTES_MAX, STACK_BYTES_MAX, SandboxLimits, TABLE_ELEMENTS_MAX,
    },
};

/// Builds the host's engine.
pub(super) fn host_engine(limits: &SandboxLimits) -> Result<Engine, SandboxError> {
    let mut config = config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(
        limits.instances_max,
    )));
    build(&config)
}

/// Builds an engine that compiles and never runs: it reserves no memory for instances.
pub(super) fn compiling_engine() -> Result<Engine, SandboxError> {
    build(&config())
}

fn build(config: &Config) -> Result<Engine, SandboxError> {
    Engine::new(config).map_err(|error| SandboxError {
        what: format!("{error:#}"),
    })
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        // The bits of a NaN are the one thing that differs between machines.
        .cranelift_nan_canonicalization(true)
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES_MAX)
        // A call of an export costs 250 ns without it, 770 ns with it.
        .concurrency_support(false)
        // Everything a rule has no use for is one thing less to be wrong.
        .wasm_tail_call(false)
        .wasm_function_references(false)
        .wasm_gc(false)
        .gc_support(false)
        .wasm_exceptions(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_relaxed_simd(false)
        .shared_memory(false)
        // A reservation of exactly the most that a memory may grow to: an access is checked against a
        // constant, and pages not grown to yet are unmapped. The default would reserve 4 GiB each.
        .memory_reservation(MEMORY_BYTES_MAX as u64)
        .memory_reservation_for_growth(0)
        .memory_guard_size(64 << 10)
        .memory_may_move(false)
        .guard_before_linear_memory(false)
        // Data is copied into a memory rather than mapped: packs by the hundred take turns in a few places, and a
        // place that changes its mapping gives up all of its pages, each of which the next call faults in again.
        .memory_init_cow(false)
        // Names of functions help the author of a rule that traps; addresses do not.
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(8))
        .generate_address_map(false)
        .native_unwind_info(false);
    config
}

fn pool(instances: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances)
        .total_memories(instances)
        .total_tables(instances)
        .total_gc_heaps(0)
        .max_core_instances_per_component(1)
        .max_memories_per_component(1)
        .max_tables_per_component(1)
        .max_memories_per_module(1)
        .max_tables_per_module(1)
        .max_memory_size(MEMORY_BYTES_MAX)
        .table_elements(TABLE_ELEMENTS_MAX)
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(TABLE_ELEMENTS_MAX * size_of::<usize>())
        // Where the kernel can say which pages were written, only those are zeroed.
        .pagemap_scan(Enabled::Auto);
    pool
}
