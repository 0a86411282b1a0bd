//! Frames of HTTP/2 as no client that means well sends them (RFC 9113, section 4.1).
//!
//! Knows how frames are written, and nothing of what is asked.

/// Kinds of frames.
pub const DATA: u8 = 0;
/// Begins a stream.
pub const HEADERS: u8 = 1;
/// Says what an end expects of the other.
pub const SETTINGS: u8 = 4;
/// Asks whether the other end is there.
pub const PING: u8 = 6;
/// Goes on with a head.
pub const CONTINUATION: u8 = 9;

/// Of DATA and HEADERS: nothing more of the stream comes.
pub const END_STREAM: u8 = 1;
/// Of HEADERS: the head is whole.
pub const END_HEADERS: u8 = 4;

/// Returns a frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u32).to_be_bytes();
    let mut frame = vec![len[1], len[2], len[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Returns what a client says first.
pub fn hello() -> Vec<u8> {
    let mut hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    hello.extend(frame(SETTINGS, 0, 0, &[]));
    hello
}

/// Returns the head of a POST (RFC 7541), with a header `x` of so many bytes, fewer than 16,000.
pub fn post(path: &str, content_type: &str, n_bytes: usize) -> Vec<u8> {
    let mut head = vec![0x83, 0x86];
    put(&mut head, &[0x01], "a");
    put(&mut head, &[0x04], path);
    put(&mut head, &[0x0f, 0x10], content_type);
    put(&mut head, &[0x00, 1, b'x'], &"y".repeat(n_bytes));
    head
}

/// Writes a header whose name is said, and that no table keeps.
fn put(head: &mut Vec<u8>, name: &[u8], value: &str) {
    head.extend(name);
    let len = value.len();
    if len < 127 {
        head.push(len as u8);
    } else {
        // An integer of seven bits, and what is more by seven bits each.
        let more = len - 127;
        head.extend([127, (more & 127) as u8 | 128, (more >> 7) as u8]);
    }
    head.extend(value.bytes());
}
