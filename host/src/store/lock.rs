//! One process per store.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read as _, Seek as _, Write as _},
    path::Path,
    process,
};

use super::error::StoreError;

/// The name of the lock's file.
pub(super) const LOCK_FILE: &str = "LOCK";

/// Holds the store's directory for this process, by `flock`, until it is dropped or the process dies
/// in whatever way. The file names the process for people; the lock does not rest on what it says.
#[derive(Debug)]
pub(super) struct DirLock {
    _file: File,
}

impl DirLock {
    /// Takes the lock.
    pub(super) fn take(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(LOCK_FILE);
        let name = path.display().to_string();
        let io = |doing| {
            let name = name.clone();
            move |source| StoreError::io(&name, doing, source)
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(io("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let pid = match (&file).take(32).read_to_string(&mut text) {
                    Ok(_) => text.trim().parse().ok(),
                    Err(_) => None,
                };
                return Err(StoreError::InUse {
                    dir: dir.to_owned(),
                    pid,
                });
            }
            Err(TryLockError::Error(source)) => return Err(io("lock")(source)),
        }
        file.set_len(0).map_err(io("write"))?;
        file.rewind().map_err(io("write"))?;
        writeln!(file, "{}", process::id()).map_err(io("write"))?;
        Ok(Self { _file: file })
    }
}
