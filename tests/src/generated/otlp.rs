//! Trace requests as protobuf, made of choices: fields in any order, given twice, left out, unknown, or of another type.

use super::Choices;

/// A message of a request, by which fields it has.
#[derive(Clone, Copy)]
enum Ty {
    Request,
    ResourceSpans,
    ScopeSpans,
    Resource,
    Scope,
    Span,
    Event,
    Link,
    Status,
    KeyValue,
    AnyValue,
    ArrayValue,
    KeyValueList,
    EntityRef,
}

/// What a field holds.
#[derive(Clone, Copy)]
enum Holds {
    Message(Ty),
    Text,
    Varint,
    Fixed64,
    Fixed32,
    /// An id of this many bytes.
    Id(usize),
}

const SPAN: [(u64, Holds); 19] = [
    (1, Holds::Id(16)),
    (2, Holds::Id(8)),
    (3, Holds::Text),
    (4, Holds::Id(8)),
    (5, Holds::Text),
    (6, Holds::Varint),
    (7, Holds::Fixed64),
    (8, Holds::Fixed64),
    (9, Holds::Message(Ty::KeyValue)),
    (9, Holds::Message(Ty::KeyValue)),
    (9, Holds::Message(Ty::KeyValue)),
    (10, Holds::Varint),
    (11, Holds::Message(Ty::Event)),
    (11, Holds::Message(Ty::Event)),
    (12, Holds::Varint),
    (13, Holds::Message(Ty::Link)),
    (14, Holds::Varint),
    (15, Holds::Message(Ty::Status)),
    (16, Holds::Fixed32),
];

impl Ty {
    fn fields(self) -> &'static [(u64, Holds)] {
        use Holds::{Fixed32, Fixed64, Id, Message, Text, Varint};
        match self {
            Self::Request => &[(1, Message(Self::ResourceSpans))],
            Self::ResourceSpans => &[
                (1, Message(Self::Resource)),
                (2, Message(Self::ScopeSpans)),
                (2, Message(Self::ScopeSpans)),
                (3, Text),
            ],
            Self::ScopeSpans => &[
                (1, Message(Self::Scope)),
                (2, Message(Self::Span)),
                (2, Message(Self::Span)),
                (2, Message(Self::Span)),
                (3, Text),
            ],
            Self::Resource => &[
                (1, Message(Self::KeyValue)),
                (1, Message(Self::KeyValue)),
                (2, Varint),
                (3, Message(Self::EntityRef)),
            ],
            Self::Scope => &[
                (1, Text),
                (2, Text),
                (3, Message(Self::KeyValue)),
                (4, Varint),
            ],
            Self::Span => &SPAN,
            Self::Event => &[
                (1, Fixed64),
                (2, Text),
                (3, Message(Self::KeyValue)),
                (4, Varint),
            ],
            Self::Link => &[
                (1, Id(16)),
                (2, Id(8)),
                (3, Text),
                (4, Message(Self::KeyValue)),
                (5, Varint),
                (6, Fixed32),
            ],
            Self::Status => &[(2, Text), (3, Varint)],
            Self::KeyValue => &[(1, Text), (2, Message(Self::AnyValue)), (3, Varint)],
            Self::AnyValue => &[
                (1, Text),
                (2, Varint),
                (3, Varint),
                (4, Fixed64),
                (5, Message(Self::ArrayValue)),
                (6, Message(Self::KeyValueList)),
                (7, Text),
                (8, Varint),
            ],
            Self::ArrayValue => &[(1, Message(Self::AnyValue)), (1, Message(Self::AnyValue))],
            Self::KeyValueList => &[(1, Message(Self::KeyValue)), (1, Message(Self::KeyValue))],
            Self::EntityRef => &[(1, Text), (2, Text), (3, Text), (4, Text)],
        }
    }
}

/// How far from what an encoder writes a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// As encoders write it.
    None,
    /// Valid: fields in any order and more than once, unknown ones, padded numbers.
    Unusual,
    /// As before, and now and then wrong.
    Wrong,
}

/// Makes a request.
pub fn request(c: &mut Choices, oddity: Oddity) -> Vec<u8> {
    let mut out = Vec::new();
    message(c, Ty::Request, oddity, 0, &mut out);
    out
}

fn message(c: &mut Choices, ty: Ty, oddity: Oddity, depth: usize, out: &mut Vec<u8>) {
    let fields = ty.fields();
    // One of a choice, as encoders write it.
    if matches!(ty, Ty::AnyValue) && !is_odd(c, oddity, 8) {
        if c.below(10) > 0 {
            let (number, holds) = *c.pick(fields);
            field(c, number, holds, oddity, depth, out);
        }
        return;
    }
    let first = if is_odd(c, oddity, 4) {
        c.below(fields.len())
    } else {
        0
    };
    for at in 0..fields.len() {
        let (number, holds) = fields[(first + at) % fields.len()];
        // What holds spans and ids is nearly always there.
        let present = match holds {
            Holds::Id(_) => c.below(40) > 0,
            Holds::Message(Ty::Span | Ty::ScopeSpans | Ty::ResourceSpans) => c.below(6) > 0,
            Holds::Message(_) | Holds::Text | Holds::Varint | Holds::Fixed64 | Holds::Fixed32 => {
                c.below(2) > 0
            }
        };
        if present {
            field(c, number, holds, oddity, depth, out);
        }
        if present && is_odd(c, oddity, 60) {
            field(c, number, holds, oddity, depth, out);
        }
        if is_odd(c, oddity, 60) {
            let (number, holds) = (17 + c.below(3_000) as u64, *c.pick(&SCALARS));
            field(c, number, holds, Oddity::None, depth, out);
        }
    }
}

const SCALARS: [Holds; 4] = [Holds::Text, Holds::Varint, Holds::Fixed64, Holds::Fixed32];

fn is_odd(c: &mut Choices, oddity: Oddity, one_in: usize) -> bool {
    oddity != Oddity::None && c.below(one_in) == 0
}

fn field(
    c: &mut Choices,
    number: u64,
    holds: Holds,
    oddity: Oddity,
    depth: usize,
    out: &mut Vec<u8>,
) {
    let wrong = oddity == Oddity::Wrong && c.below(400) == 0;
    let holds = if wrong { *c.pick(&SCALARS) } else { holds };
    let odd = is_odd(c, oddity, 100);
    let key = |wire: u64, out: &mut Vec<u8>| varint(number << 3 | wire, odd, out);
    match holds {
        Holds::Varint => {
            key(0, out);
            let value = *c.pick(&[0, 1, 2, 5, 300, u64::from(u32::MAX), 1 << 33, u64::MAX]);
            varint(value, odd, out);
        }
        Holds::Fixed64 => {
            key(1, out);
            let value = *c.pick(&[
                0,
                1,
                1_700_000_000_000_000_000,
                1_700_000_000_000_000_500,
                u64::MAX,
            ]);
            out.extend(value.to_le_bytes());
        }
        Holds::Fixed32 => {
            key(5, out);
            out.extend((c.below(3) as u32).to_le_bytes());
        }
        Holds::Text => {
            key(2, out);
            let text = c.pick(&["", "a", "key", "GET /", "\u{1f980}"]).as_bytes();
            let wrong = oddity == Oddity::Wrong && c.below(400) == 0;
            bytes(if wrong { b"\xff" } else { text }, odd, out);
        }
        Holds::Id(len) => {
            key(2, out);
            let len = if c.below(60) == 0 { c.below(20) } else { len };
            bytes(&vec![c.below(9) as u8; len], odd, out);
        }
        Holds::Message(ty) => {
            let mut inner = Vec::new();
            // Values within values end.
            if depth < 12 || c.below(4) > 0 {
                message(c, ty, oddity, depth + 1, &mut inner);
            }
            key(2, out);
            bytes(&inner, odd, out);
        }
    }
}

fn bytes(bytes: &[u8], padded: bool, out: &mut Vec<u8>) {
    varint(bytes.len() as u64, padded, out);
    out.extend(bytes);
}

/// Writes a varint; padded, it has more bytes than it needs where there is room.
fn varint(mut value: u64, padded: bool, out: &mut Vec<u8>) {
    let mut n_bytes = 1;
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
        n_bytes += 1;
    }
    if padded && n_bytes < 8 {
        out.extend([value as u8 | 0x80, 0x80, 0]);
    } else {
        out.push(value as u8);
    }
}
