//! Messages on their way in: the frames of the base protocol, and the JSON in them.
//!
//! `lsp_server` could read them too, but it takes any length for granted and ends at the first message that is no JSON.

use std::io::{self, BufRead, Read};

use crossbeam_channel::Sender;
use lsp_server::{ErrorCode, Message};
use serde_json::Value;

/// The largest message that is read: a source of the language has 256 KiB, and JSON may spell a byte in six.
const MESSAGE_BYTES_MAX: u64 = 64 << 20;
/// The longest line of a header.
const HEADER_BYTES_MAX: u64 = 8 << 10;

/// What was read.
#[derive(Debug)]
pub(super) enum Incoming {
    Message(Message),
    /// A frame that holds no message; the next one may.
    Unreadable {
        id: Value,
        code: ErrorCode,
        why: String,
    },
    /// Where the next frame begins cannot be told.
    Broken(String),
}

/// Reads messages until the end, and hands them on until nobody takes them.
pub(super) fn read_all(input: &mut impl BufRead, sender: &Sender<Incoming>) {
    loop {
        let incoming = match read_frame(input) {
            Ok(Some(frame)) => parse(&frame),
            Ok(None) => return,
            Err(error) => Incoming::Broken(error.to_string()),
        };
        let is_last = match &incoming {
            Incoming::Message(Message::Notification(notification)) => notification.method == "exit",
            Incoming::Message(Message::Request(_) | Message::Response(_))
            | Incoming::Unreadable { .. } => false,
            Incoming::Broken(_) => true,
        };
        if sender.send(incoming).is_err() || is_last {
            return;
        }
    }
}

/// Reads a frame; `None` at the end of the input.
fn read_frame(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let wrong = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidData, why));
    let mut length = None;
    loop {
        let mut line = Vec::new();
        let n_read = input
            .by_ref()
            .take(HEADER_BYTES_MAX)
            .read_until(b'\n', &mut line)?;
        if n_read == 0 {
            return if length.is_none() {
                Ok(None)
            } else {
                wrong("the input ends in a header")
            };
        }
        if !line.ends_with(b"\n") {
            return wrong("a header line has no end");
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim();
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(':') else {
            return wrong("a header line has no `:`");
        };
        if name.trim().eq_ignore_ascii_case("content-length") {
            length = value.trim().parse::<u64>().ok();
        }
    }
    let Some(length) = length else {
        return wrong("a header names no Content-Length");
    };
    if length > MESSAGE_BYTES_MAX {
        return wrong("a message is larger than 64 MiB");
    }
    let mut frame = Vec::new();
    input.by_ref().take(length).read_to_end(&mut frame)?;
    if (frame.len() as u64) < length {
        return wrong("the input ends in a message");
    }
    Ok(Some(frame))
}

fn parse(frame: &[u8]) -> Incoming {
    let value: Value = match serde_json::from_slice(frame) {
        Ok(value) => value,
        Err(error) => {
            return Incoming::Unreadable {
                id: Value::Null,
                code: ErrorCode::ParseError,
                why: error.to_string(),
            };
        }
    };
    // A list would pass for a response: serde reads structs from lists too.
    let id = value.get("id").cloned().unwrap_or_default();
    let message = if value.is_object() {
        serde_json::from_value(value).ok()
    } else {
        None
    };
    message.map_or_else(
        || Incoming::Unreadable {
            id,
            code: ErrorCode::InvalidRequest,
            why: "neither a request, a notification nor a response".to_owned(),
        },
        Incoming::Message,
    )
}
