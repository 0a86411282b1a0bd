//! Where the files of a store lie: in a folder of the file system; in tests on a disk that runs full, fails and loses
//! power.
//!
//! Owns every call that touches a file of the store, but for its lock. Knows nothing of what is in the files.

use std::{
    fmt,
    fs::{self, File},
    io,
    path::Path,
};

use redb::{Builder, Database, DatabaseError, StorageBackend, backends::FileBackend};

use super::room::Room;

#[cfg(test)]
pub(crate) mod crash;

/// What a store asks of a disk. Names become durable by [`Disk::sync_dir`] alone.
pub(crate) trait Disk: fmt::Debug + Send + Sync {
    /// Opens the database in a file; makes the file where `make` says so.
    fn database(
        &self,
        builder: &Builder,
        path: &Path,
        make: bool,
    ) -> Result<Database, DatabaseError>;

    /// Opens a file to read it.
    fn look_at(&self, path: &Path) -> io::Result<Box<dyn StorageBackend>>;

    /// Returns the size of a file, in bytes.
    fn size_bytes(&self, path: &Path) -> io::Result<u64>;

    /// Returns the names in a folder, in any order.
    fn names(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Gives a file another name in its folder.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Returns how much room there is where a folder lies.
    fn room(&self, dir: &Path) -> io::Result<Room>;

    /// Whether a file is there.
    fn has(&self, path: &Path) -> bool {
        self.size_bytes(path).is_ok()
    }
}

/// The operating system's.
#[derive(Debug)]
pub(super) struct FileSystem;

impl Disk for FileSystem {
    fn database(
        &self,
        builder: &Builder,
        path: &Path,
        make: bool,
    ) -> Result<Database, DatabaseError> {
        if make {
            builder.create(path)
        } else {
            builder.open(path)
        }
    }

    fn look_at(&self, path: &Path) -> io::Result<Box<dyn StorageBackend>> {
        let file = FileBackend::new(File::open(path)?).map_err(io::Error::other)?;
        Ok(Box::new(file))
    }

    fn size_bytes(&self, path: &Path) -> io::Result<u64> {
        fs::metadata(path).map(|metadata| metadata.len())
    }

    fn names(&self, dir: &Path) -> io::Result<Vec<String>> {
        let name =
            |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
        fs::read_dir(dir)?.map(name).collect()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn room(&self, dir: &Path) -> io::Result<Room> {
        let found = rustix::fs::statvfs(dir)?;
        Ok(Room {
            free: found.f_bavail.saturating_mul(found.f_frsize),
            total: found.f_blocks.saturating_mul(found.f_frsize),
        })
    }
}

#[cfg(test)]
mod tests;
