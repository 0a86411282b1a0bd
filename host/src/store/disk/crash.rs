//! A disk in memory that fails when it is told to, runs full, and loses power.
//!
//! ```text
//! what processes see:  [seen]     every write at once, as from the page cache
//! what is on the disk: [durable]  what was written before the last successful sync, whole
//! in between:          [pending]  what was written since, in pieces of a page
//! ```
//!
//! When power is lost each sector of each pending piece is written or not, as a seed says, and lengths and names come to
//! stand as they stood at some time since they were synced: file systems journal them, in order. What lies behind the
//! length that a file then has is gone. A process that is killed leaves all of it to the next. A sync that fails
//! has the system take what was pending for clean, as Linux does: no later sync writes it, unless its page is written to
//! again.

mod content;

use std::{
    collections::BTreeMap,
    fmt, io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use redb::{Builder, Database, DatabaseError, StorageBackend};

use self::content::Content;
use super::Disk;
use crate::{random::Random, store::room::Room};

/// What is done to a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Write,
    SetLen,
    Sync,
    /// Names are made, changed, removed or made durable.
    Names,
    /// Changes nothing: nobody dies of it.
    Read,
}

impl Op {
    pub(crate) const ALL: [Self; 5] = [
        Self::Write,
        Self::SetLen,
        Self::Sync,
        Self::Names,
        Self::Read,
    ];
}

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// What it wrote is still seen.
    Killed,
    /// What it did not sync may be gone.
    PowerLoss,
}

/// What goes wrong, from some operation on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// The operation fails, and those of its kind after it for as long as nobody mends the disk.
    Lasting(Op),
    /// The operation fails, and no other.
    Once(Op),
    /// The process is dead before the operation, whatever it would change.
    Death,
}

const MUCH_ROOM: Room = Room {
    free: 1 << 40,
    total: 1 << 40,
};

/// Clones are the same disk.
#[derive(Clone)]
pub(crate) struct CrashDisk(Arc<Mutex<State>>);

struct State {
    seeded: Random,
    files: Vec<Content>,
    names: BTreeMap<String, usize>,
    /// How names stood after each change since they were durable; the first is how they are.
    names_since_sync: Vec<BTreeMap<String, usize>>,
    /// What is to go wrong, and before it so many operations that it may strike.
    fault: Option<(Fault, u64)>,
    /// How many pages may come to be used; any number where it does not say.
    pages_left: Option<u64>,
    /// How much room the disk says that it has.
    told_room: Room,
    /// Which process may use the disk: handles of those before it are dead.
    process: u64,
    is_dead: bool,
    /// How many operations of each kind were tried, and failed.
    tried: [u64; Op::ALL.len()],
    failed: [u64; Op::ALL.len()],
}

impl CrashDisk {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            seeded: Random::new(seed),
            files: Vec::new(),
            names: BTreeMap::new(),
            names_since_sync: vec![BTreeMap::new()],
            fault: None,
            pages_left: None,
            told_room: MUCH_ROOM,
            process: 0,
            is_dead: false,
            tried: [0; Op::ALL.len()],
            failed: [0; Op::ALL.len()],
        })))
    }

    /// Has something go wrong after so many operations that it may strike.
    pub(crate) fn plan(&self, fault: Fault, after: u64) {
        self.state().fault = Some((fault, after));
    }

    /// Leaves so much room: more than so many pages that were not used before are not to be had.
    pub(crate) fn fill(&self, pages_left: u64) {
        self.state().pages_left = Some(pages_left);
    }

    /// Has the disk say that so much of it is left, whatever is.
    pub(crate) fn tell_free(&self, free: u64) {
        self.state().told_room.free = free;
    }

    /// Nothing goes wrong any more, and there is room.
    pub(crate) fn mend(&self) {
        let mut state = self.state();
        (state.fault, state.pages_left) = (None, None);
        state.told_room = MUCH_ROOM;
    }

    /// How many operations of a kind were tried.
    pub(crate) fn n_tried(&self, op: Op) -> u64 {
        self.state().tried[op as usize]
    }

    /// How many operations have failed.
    pub(crate) fn n_failed(&self) -> u64 {
        self.state().failed.iter().sum()
    }

    /// How many operations of a kind have failed.
    pub(crate) fn n_failed_of(&self, op: Op) -> u64 {
        self.state().failed[op as usize]
    }

    /// Whether the process that used the disk met its death.
    pub(crate) fn is_dead(&self) -> bool {
        self.state().is_dead
    }

    /// Ends the process that used the disk, and leaves it to the next. Whatever it still does fails, and changes nothing.
    pub(crate) fn end(&self, end: End) {
        let mut state = self.state();
        state.process += 1;
        state.is_dead = false;
        if matches!(state.fault, Some((Fault::Death, _))) {
            state.fault = None;
        }
        match end {
            End::Killed => {}
            End::PowerLoss => state.lose_power(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A test that fails shows its own panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, path: &Path, make: bool) -> io::Result<Handle> {
        let mut state = self.state();
        let name = name_of(path);
        let file = match state.names.get(&name) {
            Some(file) => *file,
            None if make => {
                state.goes_well(Op::Names)?;
                let file = state.files.len();
                state.files.push(Content::default());
                state.change_names(|names| {
                    names.insert(name, file);
                });
                file
            }
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        Ok(Handle {
            disk: self.clone(),
            file,
            process: state.process,
        })
    }
}

impl fmt::Debug for CrashDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrashDisk").finish_non_exhaustive()
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

impl State {
    /// Says whether an operation goes well.
    fn goes_well(&mut self, op: Op) -> io::Result<()> {
        self.tried[op as usize] += 1;
        let went = self.try_op(op);
        self.failed[op as usize] += u64::from(went.is_err());
        went
    }

    fn try_op(&mut self, op: Op) -> io::Result<()> {
        if self.is_dead {
            return Err(io::Error::other("the process is dead"));
        }
        let Some((fault, after)) = &mut self.fault else {
            return Ok(());
        };
        let strikes = match *fault {
            Fault::Death => op != Op::Read,
            Fault::Lasting(on) | Fault::Once(on) => on == op,
        };
        if !strikes {
            return Ok(());
        }
        if *after > 0 {
            *after -= 1;
            return Ok(());
        }
        match *fault {
            Fault::Death => self.is_dead = true,
            Fault::Once(_) => self.fault = None,
            Fault::Lasting(_) => {}
        }
        Err(io::Error::from_raw_os_error(libc::EIO))
    }

    fn change_names(&mut self, change: impl FnOnce(&mut BTreeMap<String, usize>)) {
        change(&mut self.names);
        self.names_since_sync.push(self.names.clone());
    }

    fn lose_power(&mut self) {
        for file in &mut self.files {
            file.lose_power(&mut self.seeded);
        }
        let since = self.seeded.below(self.names_since_sync.len() as u64);
        self.names = self.names_since_sync.swap_remove(since as usize);
        self.names_since_sync = vec![self.names.clone()];
    }
}

impl Disk for CrashDisk {
    fn database(
        &self,
        builder: &Builder,
        path: &Path,
        make: bool,
    ) -> Result<Database, DatabaseError> {
        let handle = self.handle(path, make).map_err(redb::StorageError::from)?;
        builder.create_with_backend(handle)
    }

    fn look_at(&self, path: &Path) -> io::Result<Box<dyn StorageBackend>> {
        Ok(Box::new(self.handle(path, false)?))
    }

    fn size_bytes(&self, path: &Path) -> io::Result<u64> {
        self.handle(path, false)?.len()
    }

    fn names(&self, _dir: &Path) -> io::Result<Vec<String>> {
        Ok(self.state().names.keys().cloned().collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.goes_well(Op::Names)?;
        state.change_names(|names| {
            let file = names.remove(&name_of(from)).unwrap();
            names.insert(name_of(to), file);
        });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.goes_well(Op::Names)?;
        state.change_names(|names| {
            names.remove(&name_of(path)).unwrap();
        });
        Ok(())
    }

    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.goes_well(Op::Names)?;
        state.names_since_sync = vec![state.names.clone()];
        Ok(())
    }

    fn room(&self, _dir: &Path) -> io::Result<Room> {
        Ok(self.state().told_room)
    }
}

/// An open file.
#[derive(Debug)]
struct Handle {
    disk: CrashDisk,
    file: usize,
    process: u64,
}

impl Handle {
    fn alive(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        if state.is_dead || state.process != self.process {
            return Err(io::Error::other("the process is dead"));
        }
        Ok(state)
    }
}

impl StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        Ok(self.alive()?.files[self.file].seen().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.alive()?;
        state.goes_well(Op::Read)?;
        let seen = state.files[self.file].seen();
        let read = seen.get(offset as usize..offset as usize + out.len());
        out.copy_from_slice(read.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.alive()?;
        state.goes_well(Op::SetLen)?;
        state.files[self.file].set_len(len);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.alive()?;
        let went = state.goes_well(Op::Sync);
        let is_dead = state.is_dead;
        let file = &mut state.files[self.file];
        match went {
            Ok(()) => file.sync(),
            Err(_) if is_dead => {}
            Err(_) => file.fail_sync(),
        }
        went
    }

    /// A write that fails has been made in part.
    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.alive()?;
        let went = state.goes_well(Op::Write);
        let State {
            seeded,
            files,
            pages_left,
            failed,
            ..
        } = &mut *state;
        let written = match &went {
            Ok(()) => data,
            Err(_) => &data[..seeded.below(data.len() as u64 + 1) as usize],
        };
        let had_room = files[self.file].write(offset, written, pages_left);
        if !had_room {
            failed[Op::Write as usize] += 1;
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
        went
    }
}
