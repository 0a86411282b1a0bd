//! Files that are looked at, and not changed.

use std::{path::Path, sync::Arc};

use redb::{Database, DatabaseError};

use super::{DbFile, FileKind, no_panic, refuse_missing, store_error};
use crate::store::{
    disk::Disk, error::StoreError, ground::Ground, limits::UNCHANGED_CACHE_BYTES, overlay::Overlay,
};

impl DbFile {
    /// Opens a file that exists without ever changing it: what is written stays in memory.
    pub(in crate::store) fn open_unchanged(
        disk: &Arc<dyn Disk>,
        path: &Path,
        kind: FileKind,
    ) -> Result<Self, StoreError> {
        refuse_missing(disk, path)?;
        let file = Self::over(&Ground::new(disk), path, kind, || {
            over_unchanged(disk, path)
        })?;
        file.check_kind()?;
        Ok(file)
    }

    /// Compares each page in use with its checksum, by reading the whole file, which is not changed. A file that was not
    /// closed is as good as one that was.
    pub(in crate::store) fn check_pages(
        disk: &Arc<dyn Disk>,
        path: &Path,
    ) -> Result<(), StoreError> {
        refuse_missing(disk, path)?;
        let name = path.display().to_string();
        let damaged = |what: String| StoreError::Database {
            file: name.clone(),
            what: format!("pages of it are not what was written ({what})"),
        };
        match no_panic(|| Ok(over_unchanged(disk, path)?.check_integrity()?)) {
            Ok(true) => Ok(()),
            Ok(false) => Err(damaged("the database would repair it".to_owned())),
            Err(fault) => {
                let error = store_error(&name, "read", fault);
                if let StoreError::Database { what, .. } = error {
                    return Err(damaged(what));
                }
                Err(error)
            }
        }
    }
}

fn over_unchanged(disk: &Arc<dyn Disk>, path: &Path) -> Result<Database, DatabaseError> {
    let overlay = disk.look_at(path).and_then(Overlay::over);
    Database::builder()
        .set_cache_size(UNCHANGED_CACHE_BYTES)
        .create_with_backend(overlay.map_err(redb::StorageError::from)?)
}
