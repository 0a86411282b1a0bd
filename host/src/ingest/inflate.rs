//! Decompression that stops at a limit.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use thiserror::Error;

use super::limits::{REQUEST_BYTES_MAX, REQUEST_ZSTD_WINDOW_LOG_MAX};

/// How a body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

impl Encoding {
    /// Reads a `content-encoding` or `grpc-encoding`; `None` where we do not know it.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        match name.trim() {
            "" | "identity" => Some(Self::Identity),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Why a body is not decompressed.
#[derive(Debug, Error)]
pub(super) enum InflateError {
    #[error("it holds more than {max} B after decompression")]
    TooLarge { max: usize },
    #[error("its compression is broken: {0}")]
    Broken(io::Error),
}

/// Decompresses a body. `reserve` is asked before each growth of the result; `None` where it refuses.
pub(super) fn inflate(
    encoding: Encoding,
    body: &[u8],
    reserve: impl FnMut(usize) -> bool,
) -> Result<Option<Vec<u8>>, InflateError> {
    match encoding {
        Encoding::Identity => read_bounded(body, reserve),
        Encoding::Gzip => read_bounded(MultiGzDecoder::new(body), reserve),
        Encoding::Zstd => {
            let decoder = zstd_reader(body, REQUEST_ZSTD_WINDOW_LOG_MAX);
            read_bounded(decoder.map_err(InflateError::Broken)?, reserve)
        }
    }
}

/// Opens a zstd stream whose window is bounded.
pub(super) fn zstd_reader<R: BufRead>(
    from: R,
    window_log_max: u32,
) -> io::Result<zstd::stream::read::Decoder<'static, R>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(from)?;
    decoder.window_log_max(window_log_max)?;
    Ok(decoder)
}

fn read_bounded(
    from: impl Read,
    mut reserve: impl FnMut(usize) -> bool,
) -> Result<Option<Vec<u8>>, InflateError> {
    const PIECE_BYTES: usize = 128 << 10;
    let mut from = BufReader::with_capacity(PIECE_BYTES, from);
    let mut whole = Vec::new();
    loop {
        let piece = from.fill_buf().map_err(InflateError::Broken)?;
        if piece.is_empty() {
            return Ok(Some(whole));
        }
        if whole.len() + piece.len() > REQUEST_BYTES_MAX {
            return Err(InflateError::TooLarge {
                max: REQUEST_BYTES_MAX,
            });
        }
        if !reserve(piece.len()) {
            return Ok(None);
        }
        whole.extend_from_slice(piece);
        let read = piece.len();
        from.consume(read);
    }
}
