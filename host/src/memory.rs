//! How the memory that a server may have is shared out, and how what is free goes back to the system.
//!
//! ```text
//! max = fixed + what the allocator keeps + requests in flight + open traces
//! ```
//!
//! The last two grow with what comes: each is counted before it is taken, and where it is full clients are told to come
//! again. Knows numbers, and nothing of what is counted.

use std::fmt;

use thiserror::Error;

/// What a server may have where it was not told: at 400 B a span and the default waits, some 110,000 spans/s of
/// one tenant.
pub const MEMORY_BYTES: u64 = 1 << 30;

/// With less there would be no room for an ordinary request.
pub const MEMORY_BYTES_MIN: u64 = 256 << 20;

/// What does not grow with what comes, in MiB: the program 24, what the store's files keep in memory 96, a block in the
/// making 40, two groups of blocks that are judged or merged 32.
pub const FIXED_BYTES: u64 = 192 << 20;

/// What the allocator keeps between pieces that are in use, in percent of them: measured at twice the load that a server
/// takes, with [`give_back`].
pub const ALLOCATOR_PERCENT: u64 = 25;

/// What of the memory that grows is for requests in flight, in percent; the rest is for open traces.
pub const IN_FLIGHT_PERCENT: u64 = 25;

/// What of the memory for requests in flight one tenant may have, in percent: a client whose bodies do not come leaves some
/// for the others.
pub const TENANT_IN_FLIGHT_PERCENT: u64 = 75;

/// What of the memory of open traces one tenant may have, in percent: a little is always left for the others.
pub const TENANT_OPEN_PERCENT: u64 = 75;

/// The memory that a server may have, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryBudget {
    max: u64,
}

/// A server cannot do with so little.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{max} B of memory are too little: a server needs {}MiB at least", MEMORY_BYTES_MIN >> 20)]
pub struct TooLittle {
    max: u64,
}

impl Default for MemoryBudget {
    fn default() -> Self {
        Self { max: MEMORY_BYTES }
    }
}

impl MemoryBudget {
    /// Takes what was configured.
    ///
    /// # Errors
    ///
    /// Where it is less than [`MEMORY_BYTES_MIN`].
    pub fn try_new(max: u64) -> Result<Self, TooLittle> {
        if max < MEMORY_BYTES_MIN {
            return Err(TooLittle { max });
        }
        Ok(Self { max })
    }

    /// Returns the whole.
    pub fn max_bytes(self) -> u64 {
        self.max
    }

    /// Returns what requests may hold until they are answered.
    pub fn in_flight_bytes(self) -> usize {
        as_usize(percent(self.growing(), IN_FLIGHT_PERCENT))
    }

    /// Returns what the requests of one tenant may hold until they are answered.
    pub fn tenant_in_flight_bytes(self) -> usize {
        let of = self.in_flight_bytes() as u64;
        as_usize(percent(of, TENANT_IN_FLIGHT_PERCENT))
    }

    /// Returns what open traces may hold, with those on their way to be open and those that are being sealed.
    pub fn open_bytes(self) -> usize {
        as_usize(self.growing() - percent(self.growing(), IN_FLIGHT_PERCENT))
    }

    /// Returns what the open traces of one tenant may hold.
    pub fn tenant_open_bytes(self) -> usize {
        as_usize(percent(self.open_bytes() as u64, TENANT_OPEN_PERCENT))
    }

    fn growing(self) -> u64 {
        (self.max - FIXED_BYTES) / (100 + ALLOCATOR_PERCENT) * 100
    }
}

impl fmt::Display for MemoryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes >> 20;
        write!(
            f,
            "{} MiB: {} for requests in flight (one tenant {}), {} for open traces (one tenant {})",
            mib(self.max),
            mib(self.in_flight_bytes() as u64),
            mib(self.tenant_in_flight_bytes() as u64),
            mib(self.open_bytes() as u64),
            mib(self.tenant_open_bytes() as u64),
        )
    }
}

fn percent(of: u64, percent: u64) -> u64 {
    of / 100 * percent
}

fn as_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Gives pages on which nothing is in use back to the system. Takes some 100 ms for each GiB that is free, and holds up
/// whoever asks for memory of the same arena meanwhile.
///
/// The allocator of glibc gives back by itself only what lies behind everything that is in use: of 1.9 GiB that a flood
/// took, nothing (`malloc_trim(3)`). Others give back by themselves.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the C library's function has no safe wrapper")]
pub fn give_back() {
    // SAFETY: it may be called at any time, from any thread.
    let _whether_any = unsafe { libc::malloc_trim(0) };
}

/// Gives pages on which nothing is in use back to the system: the allocator does so by itself.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn give_back() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_no_more_than_the_whole() {
        for max in [MEMORY_BYTES_MIN, 400 << 20, MEMORY_BYTES, 64 << 30, 1 << 60] {
            let budget = MemoryBudget::try_new(max).unwrap();
            let growing = (budget.in_flight_bytes() + budget.open_bytes()) as u64;
            let allocator = percent(growing, ALLOCATOR_PERCENT);
            assert!(FIXED_BYTES + growing + allocator <= max, "{budget}");
            // Rounding loses next to nothing.
            assert!(FIXED_BYTES + growing + allocator + 1_000 > max, "{budget}");
            assert!(budget.tenant_open_bytes() < budget.open_bytes());
            assert!(budget.tenant_in_flight_bytes() < budget.in_flight_bytes());
        }
    }

    #[test]
    fn too_little_obeyed_and_exceeded() {
        assert!(MemoryBudget::try_new(MEMORY_BYTES_MIN).is_ok());
        let refused = MemoryBudget::try_new(MEMORY_BYTES_MIN - 1).unwrap_err();
        assert!(refused.to_string().contains("256MiB at least"));
    }

    #[test]
    fn what_is_free_goes_back() {
        // Pieces too small to be mapped, with one at the end that holds up the others.
        let pieces: Vec<Box<[u8]>> = (0..4_096).map(|_| vec![1; 16 << 10].into()).collect();
        let last = Box::new([1_u8; 64]);
        let full = resident_bytes();
        drop(pieces);
        give_back();
        let (Some(full), Some(after)) = (full, resident_bytes()) else {
            return;
        };
        assert!(after + (32 << 20) < full, "{full} B, then {after} B");
        drop(last);
    }

    /// What of the process is in memory, where the system says (proc(5), `statm`).
    fn resident_bytes() -> Option<u64> {
        let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
        let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
        Some(pages * 4_096)
    }
}
