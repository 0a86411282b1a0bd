//! What a server may configure of assembly.

use std::time::Duration;

use super::limits;
use crate::memory::MemoryBudget;

/// When traces are sealed, and how much may be open. The defaults are those of [`limits`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssembleOptions {
    /// How long a trace whose root has ended must be quiet.
    pub settle: Duration,
    /// How long a trace without a root must be quiet.
    pub idle: Duration,
    /// How long a trace may be open.
    pub deadline: Duration,
    /// Up to which the quiet of a reopened trace is doubled.
    pub reopened_quiet_max: Duration,
    /// At how many spans a trace is cut.
    pub trace_spans_max: usize,
    /// At how many bytes a trace is cut.
    pub trace_bytes_max: usize,
    /// How many traces of one tenant may be open.
    pub tenant_open_traces_max: usize,
    /// How many spans of one tenant may be open.
    pub tenant_open_spans_max: usize,
    /// How many spans may be open.
    pub open_spans_max: usize,
    /// How many bytes of one tenant's spans may be open.
    pub tenant_open_bytes_max: usize,
    /// How many bytes of spans may be open.
    pub open_bytes_max: usize,
    /// What open traces may take in memory, of one tenant.
    pub tenant_open_memory_bytes_max: usize,
    /// What open traces may take in memory, with those on their way to be open and those that are being sealed.
    pub open_memory_bytes_max: usize,
}

impl AssembleOptions {
    /// The defaults, with as much open as there is memory for, however many spans or bytes that are.
    pub fn within(memory: MemoryBudget) -> Self {
        Self {
            open_spans_max: usize::MAX,
            open_bytes_max: usize::MAX,
            tenant_open_memory_bytes_max: memory.tenant_open_bytes(),
            open_memory_bytes_max: memory.open_bytes(),
            ..Self::default()
        }
    }
}

impl Default for AssembleOptions {
    fn default() -> Self {
        let memory = MemoryBudget::default();
        Self {
            settle: limits::SETTLE,
            idle: limits::IDLE,
            deadline: limits::DEADLINE,
            reopened_quiet_max: limits::REOPENED_QUIET_MAX,
            trace_spans_max: limits::TRACE_SPANS_MAX,
            trace_bytes_max: limits::TRACE_BYTES_MAX,
            tenant_open_traces_max: limits::TENANT_OPEN_TRACES_MAX,
            tenant_open_spans_max: limits::TENANT_OPEN_SPANS_MAX,
            open_spans_max: limits::OPEN_SPANS_MAX,
            tenant_open_bytes_max: limits::TENANT_OPEN_BYTES_MAX,
            open_bytes_max: limits::OPEN_BYTES_MAX,
            tenant_open_memory_bytes_max: memory.tenant_open_bytes(),
            open_memory_bytes_max: memory.open_bytes(),
        }
    }
}
