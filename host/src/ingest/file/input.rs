//! The bytes of a file, decompressed, in a buffer that grows only as far as what is looked at.

use std::{
    io::{self, BufReader, Cursor, ErrorKind, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use flate2::bufread::MultiGzDecoder;

use crate::ingest::{inflate::zstd_reader, limits::FILE_ZSTD_WINDOW_LOG_MAX};

const READ_BYTES: usize = 256 << 10;
const MAGIC_BYTES: usize = 4;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A window on a stream of bytes.
pub(super) struct Input {
    from: Box<dyn Read + Send>,
    buf: Vec<u8>,
    start: usize,
    /// Nothing more will come: the stream ended, or failed.
    ended: bool,
    failure: Option<io::Error>,
}

impl Input {
    /// Opens a stream, compressed or not. Counts in `read` what is taken of it.
    pub(super) fn open(from: impl Read + Send + 'static, read: Arc<AtomicU64>) -> io::Result<Self> {
        let mut from = Counted { from, read };
        let mut magic = Vec::with_capacity(MAGIC_BYTES);
        from.by_ref()
            .take(MAGIC_BYTES as u64)
            .read_to_end(&mut magic)?;
        let is_gzip = magic.starts_with(&GZIP_MAGIC);
        let is_zstd = magic.starts_with(&ZSTD_MAGIC);
        let whole = BufReader::with_capacity(READ_BYTES, Cursor::new(magic).chain(from));
        let from: Box<dyn Read + Send> = if is_gzip {
            Box::new(MultiGzDecoder::new(whole))
        } else if is_zstd {
            Box::new(zstd_reader(whole, FILE_ZSTD_WINDOW_LOG_MAX)?)
        } else {
            Box::new(whole)
        };
        Ok(Self {
            from,
            buf: Vec::new(),
            start: 0,
            ended: false,
            failure: None,
        })
    }

    /// Returns what is at hand.
    pub(super) fn bytes(&self) -> &[u8] {
        self.buf.get(self.start..).unwrap_or_default()
    }

    /// Reads on; `false` where nothing more came.
    pub(super) fn fill(&mut self) -> bool {
        if self.ended {
            return false;
        }
        self.buf.drain(..self.start);
        self.start = 0;
        let old = self.buf.len();
        self.buf.resize(old + READ_BYTES, 0);
        let read = loop {
            match self.from.read(self.buf.get_mut(old..).unwrap_or_default()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        let n = match read {
            Ok(n) => n,
            Err(error) => {
                self.failure = Some(error);
                0
            }
        };
        self.buf.truncate(old + n);
        self.ended = n == 0;
        n > 0
    }

    /// Reads on until so many bytes are at hand; `false` where there are fewer.
    pub(super) fn fill_to(&mut self, n: usize) -> bool {
        while self.bytes().len() < n {
            if !self.fill() {
                return false;
            }
        }
        true
    }

    /// Moves on by `n` bytes of those at hand.
    pub(super) fn consume(&mut self, n: usize) {
        self.start = (self.start + n).min(self.buf.len());
    }

    /// Returns what made the stream end early.
    pub(super) fn failure(&self) -> Option<&io::Error> {
        self.failure.as_ref()
    }
}

struct Counted<R> {
    from: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(buf)?;
        self.read.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}
