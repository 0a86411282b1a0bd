//! A file that is looked at and not changed: what the database would write is kept in memory.
//!
//! The database repairs what it opens, and checks nothing without being ready to repair it. A copy of the file would do,
//! and may be 4 GiB.

use std::{
    collections::BTreeMap,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use redb::StorageBackend;

/// What is kept of each write, whole.
const PAGE_BYTES: usize = 4_096;

/// A file, and what was written since, which is forgotten.
#[derive(Debug)]
pub(super) struct Overlay(Mutex<Pages>);

#[derive(Debug)]
struct Pages {
    file: Box<dyn StorageBackend>,
    /// The bytes that the file has to give; less than it has where it was made shorter.
    of_file: u64,
    len: u64,
    written: BTreeMap<u64, Box<[u8; PAGE_BYTES]>>,
}

impl Overlay {
    pub(super) fn over(file: Box<dyn StorageBackend>) -> io::Result<Self> {
        let len = file.len()?;
        Ok(Self(Mutex::new(Pages {
            file,
            of_file: len,
            len,
            written: BTreeMap::new(),
        })))
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    /// Reads what the file has, and zeros after it.
    fn read_file(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let there = self.of_file.saturating_sub(offset);
        let there = usize::try_from(there).unwrap_or(usize::MAX).min(out.len());
        if let Some((from_file, after)) = out.split_at_mut_checked(there) {
            self.file.read(offset, from_file)?;
            after.fill(0);
        }
        Ok(())
    }

    /// Goes through the parts of a range that lie in one page each.
    fn parts(offset: u64, mut n: usize) -> impl Iterator<Item = (u64, usize, usize)> {
        let mut at = offset;
        std::iter::from_fn(move || {
            let within = (at % PAGE_BYTES as u64) as usize;
            let part = n.min(PAGE_BYTES - within);
            let page = at / PAGE_BYTES as u64;
            at = at.saturating_add(part as u64);
            n -= part;
            (part > 0).then_some((page, within, part))
        })
    }

    fn read(&mut self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(out.len() as u64);
        if end.is_none_or(|end| end > self.len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.read_file(offset, out)?;
        let mut rest = out;
        for (page, within, n) in Self::parts(offset, rest.len()) {
            let Some((part, later)) = rest.split_at_mut_checked(n) else {
                break;
            };
            let written = self.written.get(&page);
            if let Some(from) = written.and_then(|page| page.get(within..within + n)) {
                part.copy_from_slice(from);
            }
            rest = later;
        }
        Ok(())
    }

    fn write(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut rest = data;
        for (page, within, n) in Self::parts(offset, data.len()) {
            let Some((part, later)) = rest.split_at_checked(n) else {
                break;
            };
            if !self.written.contains_key(&page) {
                let mut bytes = Box::new([0; PAGE_BYTES]);
                self.read_file(page.saturating_mul(PAGE_BYTES as u64), bytes.as_mut_slice())?;
                self.written.insert(page, bytes);
            }
            let written = self.written.get_mut(&page);
            if let Some(to) = written.and_then(|page| page.get_mut(within..within + n)) {
                to.copy_from_slice(part);
            }
            rest = later;
        }
        self.len = self.len.max(offset.saturating_add(data.len() as u64));
        Ok(())
    }

    fn set_len(&mut self, len: u64) {
        let first_gone = len.div_ceil(PAGE_BYTES as u64);
        self.written.split_off(&first_gone);
        if let Some(last) = self.written.get_mut(&(len / PAGE_BYTES as u64))
            && let Some(after) = last.get_mut((len % PAGE_BYTES as u64) as usize..)
        {
            after.fill(0);
        }
        self.of_file = self.of_file.min(len);
        self.len = len;
    }
}

impl StorageBackend for Overlay {
    fn len(&self) -> Result<u64, io::Error> {
        Ok(self.pages().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.pages().read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.pages().set_len(len);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.pages().write(offset, data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::disk::{Disk as _, FileSystem};

    #[test]
    fn what_is_written_is_read_and_the_file_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let original: Vec<u8> = (0..10_000).map(|i| (i % 251) as u8).collect();
        std::fs::write(&path, &original).unwrap();
        let overlay = Overlay::over(FileSystem.look_at(&path).unwrap()).unwrap();
        let mut expected = original.clone();
        for (offset, n) in [(0, 10), (4_090, 20), (8_000, 2_000), (9_990, 10)] {
            overlay.write(offset as u64, &vec![0xee; n]).unwrap();
            expected[offset..offset + n].fill(0xee);
        }
        overlay.set_len(5_000).unwrap();
        overlay.set_len(20_000).unwrap();
        expected.truncate(5_000);
        expected.resize(20_000, 0);
        overlay.write(19_999, &[7]).unwrap();
        expected[19_999] = 7;
        let mut read = vec![1; 20_000];
        overlay.read(0, &mut read).unwrap();
        assert!(read == expected);
        assert_eq!(overlay.len().unwrap(), 20_000);
        assert!(overlay.read(19_999, &mut [0; 2]).is_err());
        assert!(std::fs::read(&path).unwrap() == original);
    }
}
