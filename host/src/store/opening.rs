//! The steps of opening a store that come before anything is read of it.

use std::{path::Path, sync::Arc};

use super::{
    CATALOG_FILE, INBOX_FILE, blocks_file,
    disk::Disk,
    error::StoreError,
    file::{DbFile, FileKind},
    ground::Ground,
    is_temporary,
    lock::LOCK_FILE,
    names,
};

/// How a store was found when it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Whether who had it last did not close it: the process was killed, the machine lost power, or the disk failed.
    pub left_open: bool,
    /// Files that were being made then, and hold nothing: they were removed.
    pub half_made: Vec<String>,
    /// Files that had to be read whole to be repaired. None, where this program wrote them.
    pub repaired: Vec<String>,
}

/// Opens the inbox and the catalog; makes them where they are not. The catalog is made last: once it is there, so is
/// everything else.
pub(super) fn small_files(
    ground: &Ground,
    inbox: &Path,
    catalog: &Path,
) -> Result<(DbFile, DbFile), StoreError> {
    let has = |path| ground.disk().has(path);
    if has(catalog) {
        let catalog = DbFile::open(ground, catalog, FileKind::Catalog)?;
        return Ok((DbFile::open(ground, inbox, FileKind::Inbox)?, catalog));
    }
    let inbox = if has(inbox) {
        DbFile::open(ground, inbox, FileKind::Inbox)?
    } else {
        DbFile::create(ground, inbox, FileKind::Inbox)?
    };
    Ok((inbox, DbFile::create(ground, catalog, FileKind::Catalog)?))
}

/// Reads the small files whole, so that an index page which leads astray does not do so unnoticed: values have checksums of
/// ours, and what is between them has only those of the database, which it does not look at by itself. What the disk does
/// not give is not damaged: it may give it the next time, and nobody knows what it is.
pub(super) fn damaged_pages(
    disk: &Arc<dyn Disk>,
    paths: &[&Path],
) -> Result<Vec<StoreError>, StoreError> {
    let there = paths.iter().filter(|path| disk.has(path));
    let mut damaged = Vec::new();
    for checked in there.map(|path| DbFile::check_pages(disk, path)) {
        match checked {
            Ok(()) => {}
            Err(error) if error.is_of_disk() => return Err(error),
            Err(error) => damaged.push(error),
        }
    }
    Ok(damaged)
}

/// A mistyped directory is not to be written to.
pub(super) fn refuse_what_is_no_store(disk: &Arc<dyn Disk>, dir: &Path) -> Result<(), StoreError> {
    if disk.has(&dir.join(CATALOG_FILE)) {
        return Ok(());
    }
    for name in names(disk, dir)? {
        if blocks_file(&name).is_some() {
            return Err(StoreError::Missing {
                file: dir.join(CATALOG_FILE).display().to_string(),
            });
        }
        // Every new file system has a `lost+found`.
        let known = [LOCK_FILE, INBOX_FILE, "lost+found"].contains(&name.as_str());
        if !known && !is_temporary(&name) {
            return Err(StoreError::NotAStore {
                dir: dir.to_owned(),
                found: name,
            });
        }
    }
    Ok(())
}

/// Removes files that a crash left half made, and returns their names.
pub(super) fn remove_temporary(
    disk: &Arc<dyn Disk>,
    dir: &Path,
) -> Result<Vec<String>, StoreError> {
    let mut names = names(disk, dir)?;
    names.retain(|name| is_temporary(name));
    for name in &names {
        let path = dir.join(name);
        disk.remove(&path)
            .map_err(|e| StoreError::io(&path.display().to_string(), "remove", e))?;
    }
    Ok(names)
}
