//! Reads the fields of a protobuf message where they lie.
//!
//! Knows the wire format and no message. What it reads, `prost` reads in the same way; what `prost` refuses, or what is
//! of before proto3, is [`NotPlain`].

/// The bytes are not protobuf, or in a way that no encoder of proto3 writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotPlain;

/// What a field holds, by how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

/// The fields of one message that are not read yet.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    #[inline]
    fn field(&mut self) -> Result<(u32, Wire<'a>), NotPlain> {
        let key = u32::try_from(self.varint()?).map_err(|_| NotPlain)?;
        let number = key >> 3;
        if number == 0 {
            return Err(NotPlain);
        }
        let value = match key & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let len = usize::try_from(self.varint()?).map_err(|_| NotPlain)?;
                let (bytes, rest) = self.0.split_at_checked(len).ok_or(NotPlain)?;
                self.0 = rest;
                Wire::Bytes(bytes)
            }
            5 => Wire::Fixed32(u32::from_le_bytes(self.array()?)),
            // Groups.
            _ => return Err(NotPlain),
        };
        Ok((number, value))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], NotPlain> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(NotPlain)?;
        self.0 = rest;
        Ok(*bytes)
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, NotPlain> {
        match self.0.split_first() {
            Some((&byte, rest)) if byte < 0x80 => {
                self.0 = rest;
                Ok(u64::from(byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, NotPlain> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(NotPlain)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                // Of the tenth byte there is room for one bit.
                return if shift == 63 && byte > 1 {
                    Err(NotPlain)
                } else {
                    Ok(value)
                };
            }
        }
        Err(NotPlain)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Wire<'a>), NotPlain>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        (!self.0.is_empty()).then(|| self.field())
    }
}

/// The fields of a message that was read through before.
#[inline]
pub(crate) fn known_fields(message: &[u8]) -> impl Iterator<Item = (u32, Wire<'_>)> {
    Fields::of(message).map_while(Result::ok)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::encoding::{decode_varint, encode_varint};

    use super::*;

    #[test]
    fn each_wire_type_is_read() {
        let message = [
            0x08, 0x96, 0x01, 0x11, 1, 0, 0, 0, 0, 0, 0, 0, 0x1a, 2, 7, 8, 0x25, 9, 0, 0, 0,
        ];
        let fields: Result<Vec<_>, NotPlain> = Fields::of(&message).collect();
        let expected = vec![
            (1, Wire::Varint(150)),
            (2, Wire::Fixed64(1)),
            (3, Wire::Bytes(&[7, 8])),
            (4, Wire::Fixed32(9)),
        ];
        assert_eq!(fields, Ok(expected));
        for (what, message) in [
            ("a group", &[0x0b, 0x0c][..]),
            ("field 0", &[0x00, 0x00]),
            (
                "a key of more than 32 bits",
                &[0x88, 0x80, 0x80, 0x80, 0x10, 0],
            ),
            ("bytes that end early", &[0x0a, 2, 0]),
            (
                "a length of 2^63",
                &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
            ),
            ("four bytes of eight", &[0x09, 0, 0, 0, 0]),
            ("nothing after the key", &[0x08]),
        ] {
            assert_eq!(Fields::of(message).next(), Some(Err(NotPlain)), "{what}");
        }
    }

    proptest! {
        #[test]
        fn varints_are_those_of_prost(number: u64, bytes in prop::collection::vec(prop_oneof![Just(0xff), Just(0x80), any::<u8>()], 0..12)) {
            let mut encoded = Vec::new();
            encode_varint(number, &mut encoded);
            prop_assert_eq!(Fields::of(&encoded).varint(), Ok(number));
            let expected = decode_varint(&mut &bytes[..]).ok();
            prop_assert_eq!(Fields::of(&bytes).varint().ok(), expected);
        }
    }
}
