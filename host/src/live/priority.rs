//! A thread that runs on what nobody else wants of the processors.
//!
//! The policy `SCHED_IDLE` (sched(7)) and not only a high `nice`: a thread of high `nice` keeps its processor until its
//! slice ends, some milliseconds, though one that is urgent has woken; an idle one gives it up at once.

use std::{io, thread};

use super::limits::SLOW_NICE;

/// Has the thread that calls this run only where nobody else would. It cannot go back.
pub(super) fn lower() -> io::Result<()> {
    // Where there is no such policy the other way is better than none.
    idle().or_else(|_| Ok(rustix::process::setpriority_process(None, SLOW_NICE)?))
}

/// Lets run whoever waits for the processor of the thread that calls.
///
/// The policy counts among the threads of one group (cgroups(7), autogroups of sched(7)) alone: those of other groups, the
/// kernel's which complete what was written among them, wait for the scheduler's next tick, 4 ms as a rule.
pub(super) fn give_way() {
    thread::yield_now();
}

#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "the system call has no safe wrapper in what is depended on"
)]
fn idle() -> io::Result<()> {
    // SAFETY: all its fields are numbers, for which zero is a value; some C libraries have more of them than others.
    let no_priority: libc::sched_param = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a value that lives, and 0 names the thread that calls.
    let failed = unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const no_priority) };
    if failed == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

#[cfg(not(target_os = "linux"))]
fn idle() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_thread_and_no_other_gives_way_to_everybody() {
        let policy = || -> String {
            let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
            // proc(5): the 41st field, of which two come before the closing bracket of the name.
            let (_, rest) = stat.rsplit_once(')').unwrap();
            rest.split_whitespace().nth(38).unwrap().to_owned()
        };
        let lowered = thread::spawn(move || lower().map(|()| policy()));
        let idle = libc::SCHED_IDLE.to_string();
        assert_eq!(lowered.join().unwrap().unwrap(), idle);
        assert_ne!(policy(), idle);
    }
}
