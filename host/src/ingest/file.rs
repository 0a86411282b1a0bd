//! Reads OTLP from files and standard input: JSON by lines or in documents, protobuf single or length-delimited, each
//! plain, gzip or zstd; which, is told from the bytes and not from the name.
//!
//! A request that cannot be read is an error that names its place, and reading goes on with the next. Of a file that is
//! cut short, what was whole is read, and then comes the error. Memory is bounded by
//! [`FILE_REQUEST_BYTES_MAX`], whatever the length of the file.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use memchr::memchr_iter;
use prost::Message;
use thiserror::Error;

use super::{
    decode::{self, DecodeError, Decoded},
    json::{self, JsonError},
    limits::FILE_REQUEST_BYTES_MAX,
};

mod framing;
mod input;
#[cfg(test)]
mod tests;

use framing::{Frame, Framing};
use input::Input;

/// One request of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct FileRequest {
    /// Where it stands.
    pub place: Place,
    /// The request as protobuf.
    pub otlp: Bytes,
    /// Its spans, and those that were refused.
    pub decoded: Decoded,
}

/// Where in a file something stands, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The line in which a JSON request begins.
    Line(u64),
    /// The number of a protobuf message.
    Message(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Message(message) => write!(f, "message {message}"),
        }
    }
}

/// What is wrong with a file.
#[derive(Debug, Error)]
pub enum FileError {
    /// It cannot be opened. Nothing was read.
    #[error("failed to open `{file}`")]
    Open {
        /// Its name as it was given.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// It is no OTLP at all. Nothing was read.
    #[error("`{file}` is neither OTLP/JSON nor OTLP protobuf")]
    Unknown {
        /// Its name.
        file: String,
    },
    /// One request cannot be read. What follows it can.
    #[error("{file}, {place}: {what}")]
    Request {
        /// The file's name.
        file: String,
        /// Which request.
        place: Place,
        /// What is wrong with it.
        what: String,
    },
    /// It cannot be read from this place on. What stands before it was read.
    #[error("`{file}` cannot be read from {place} on: {what}")]
    Broken {
        /// The file's name.
        file: String,
        /// Where it breaks.
        place: Place,
        /// In which way.
        what: String,
    },
}

/// Reads the requests of one file, in order.
pub struct Reader {
    file: String,
    input: Input,
    framing: Framing,
    place: Place,
    read: Arc<AtomicU64>,
    bytes_total: Option<u64>,
    done: bool,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("file", &self.file)
            .field("framing", &self.framing)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl Reader {
    /// Opens a file; `-` is standard input.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        if path == Path::new("-") {
            return Self::new("standard input".into(), io::stdin());
        }
        let file = path.display().to_string();
        let opened = File::open(path).and_then(|opened| {
            let metadata = opened.metadata()?;
            if metadata.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            Ok((opened, metadata.len()))
        });
        match opened {
            Ok((opened, len)) => {
                let mut reader = Self::new(file, opened)?;
                reader.bytes_total = Some(len);
                Ok(reader)
            }
            Err(source) => Err(FileError::Open { file, source }),
        }
    }

    /// Reads from any stream; `file` is what it is called in errors.
    pub fn new(file: String, from: impl Read + Send + 'static) -> Result<Self, FileError> {
        let read = Arc::<AtomicU64>::default();
        let mut input = match Input::open(from, Arc::clone(&read)) {
            Ok(input) => input,
            Err(source) => return Err(FileError::Open { file, source }),
        };
        let Some(framing) = framing::detect(&mut input) else {
            return Err(FileError::Unknown { file });
        };
        let place = match framing {
            Framing::Lines | Framing::Documents => Place::Line(1),
            Framing::Delimited | Framing::Single => Place::Message(1),
        };
        Ok(Self {
            file,
            input,
            framing,
            place,
            read,
            bytes_total: None,
            done: false,
        })
    }

    /// Returns what the file is called.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Returns how many bytes were taken of the file so far, as it lies there.
    pub fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Returns the file's length; `None` where it is not known.
    pub fn bytes_total(&self) -> Option<u64> {
        self.bytes_total
    }

    fn request_error(&self, what: String) -> FileError {
        FileError::Request {
            file: self.file.clone(),
            place: self.place,
            what,
        }
    }

    /// Ends the reading with an error.
    fn broken(&mut self, what: String) -> FileError {
        self.done = true;
        FileError::Broken {
            file: self.file.clone(),
            place: self.place,
            what,
        }
    }

    /// Passes over a request of which only the length is known. JSON can be followed without keeping it.
    fn too_large(&mut self, line_feeds: u64) -> FileError {
        let what = format!("the request is larger than {FILE_REQUEST_BYTES_MAX} B");
        let error = match self.framing {
            Framing::Lines | Framing::Documents => self.request_error(what),
            Framing::Delimited | Framing::Single => return self.broken(what),
        };
        if let Place::Line(line) = &mut self.place {
            *line += line_feeds;
        }
        if self.framing == Framing::Lines && self.input.bytes().first() == Some(&b'\n') {
            self.pass(1);
        }
        error
    }

    /// Moves past the first bytes of the input.
    fn pass(&mut self, len: usize) {
        let passed = self.input.bytes().get(..len).unwrap_or_default();
        if let Place::Line(line) = &mut self.place {
            *line += memchr_iter(b'\n', passed).count() as u64;
        }
        self.input.consume(len);
    }

    /// Reads the frame that was found. `None` where it is blank.
    fn take(&mut self, skip: usize, len: usize) -> Option<Result<FileRequest, FileError>> {
        self.pass(skip);
        let place = self.place;
        let result = match self.framing {
            Framing::Lines | Framing::Documents => {
                let text = self.input.bytes().get(..len).unwrap_or_default();
                let text = text.trim_ascii();
                (!text.is_empty()).then(|| from_json(text))
            }
            Framing::Delimited | Framing::Single => {
                let otlp =
                    Bytes::copy_from_slice(self.input.bytes().get(..len).unwrap_or_default());
                Some(from_protobuf(otlp))
            }
        };
        let result = result.map(|result| match result {
            Ok((otlp, decoded)) => Ok(FileRequest {
                place,
                otlp,
                decoded,
            }),
            Err(wrong) => {
                if let Place::Line(line) = &mut self.place {
                    *line += wrong.lines_down;
                }
                let error = self.request_error(wrong.what);
                self.place = place;
                Err(error)
            }
        });
        self.pass(len);
        // The line feed behind a line is part of no line.
        if self.framing == Framing::Lines && self.input.bytes().first() == Some(&b'\n') {
            self.pass(1);
        }
        if let Place::Message(message) = &mut self.place {
            *message += 1;
        }
        result
    }
}

impl Iterator for Reader {
    type Item = Result<FileRequest, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.done {
            let frame = self.framing.next(&mut self.input);
            let failure = self.input.failure().map(ToString::to_string);
            match (frame, failure) {
                // What is left of a line where the stream failed is not a whole line.
                (Frame::Whole { skip, len }, Some(what))
                    if self.framing == Framing::Lines && self.input.bytes().len() <= skip + len =>
                {
                    return Some(Err(self.broken(what)));
                }
                (Frame::Whole { skip, len }, _) => {
                    if let Some(result) = self.take(skip, len) {
                        return Some(result);
                    }
                }
                (Frame::TooLarge { line_feeds }, _) => {
                    return Some(Err(self.too_large(line_feeds)));
                }
                (Frame::Foreign | Frame::Cut | Frame::End, Some(what)) => {
                    return Some(Err(self.broken(what)));
                }
                (Frame::Foreign, None) => {
                    return Some(Err(self.broken("it is not OTLP".into())));
                }
                (Frame::Cut, None) => {
                    let what = "it ends in the middle of a request";
                    return Some(Err(self.broken(what.into())));
                }
                (Frame::End, None) => self.done = true,
            }
        }
        None
    }
}

struct Wrong {
    what: String,
    lines_down: u64,
}

fn from_protobuf(otlp: Bytes) -> Result<(Bytes, Decoded), Wrong> {
    match decode::decode(&otlp) {
        Ok(decoded) => Ok((otlp, decoded)),
        Err(error) => Err(Wrong {
            what: error.to_string(),
            lines_down: 0,
        }),
    }
}

fn from_json(text: &[u8]) -> Result<(Bytes, Decoded), Wrong> {
    let wrong = |what| Wrong {
        what,
        lines_down: 0,
    };
    let request = match json::read(text) {
        Ok(request) => request,
        Err(JsonError::TooMany(error)) => return Err(wrong(error.to_string())),
        Err(JsonError::Malformed { what, line, column }) => {
            let what = format!("the request is not OTLP/JSON: {what}, column {column}");
            let error = DecodeError::Malformed { what };
            let admit = &mut |_| true;
            return match decode::decode_salvaged(json::salvage_json(text, admit), error, admit) {
                Ok(salvaged) => Ok(salvaged.unwrap_or_default()),
                Err(DecodeError::Malformed { what }) => Err(Wrong {
                    what,
                    lines_down: line.saturating_sub(1) as u64,
                }),
                Err(error @ DecodeError::TooMany { .. }) => Err(wrong(error.to_string())),
            };
        }
    };
    match (request.has_resource_spans, request.other_signal) {
        (true, _) => {}
        (false, Some(signal)) => {
            return Err(wrong(format!("the request holds {signal}, not traces")));
        }
        (false, None) => return Err(wrong("the request has no `resourceSpans`".into())),
    }
    from_protobuf(request.otlp.encode_to_vec().into())
}
