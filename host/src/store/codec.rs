//! How values lie in the files.
//!
//! ```text
//! value: | version u8 | xxh3-64 of the body, u64 | body |      numbers little-endian
//! ```
//!
//! Where a value that is read under a wrong key would be believed, the key is the seed of its checksum ([`check_for`]).
//!
//! Whatever the bytes, decoding answers with what is wrong and never panics. Encoding and decoding of a
//! type stand side by side, in the module that owns the type.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::error::StoreError;

/// The version of every value. One that changes gets a number of its own.
const VALUE_VERSION: u8 = 1;

/// The bytes before the body.
pub(super) const HEADER_BYTES: usize = 9;

/// What is wrong with a value.
pub(super) type Malformed = String;

/// Where a value lies, for the message.
#[derive(Clone, Debug)]
pub(super) struct Place<'a, K> {
    pub(super) file: &'a str,
    pub(super) table: &'static str,
    pub(super) key: K,
}

impl<K: std::fmt::Debug> Place<'_, K> {
    pub(super) fn corrupt(&self, what: impl Into<String>) -> StoreError {
        StoreError::Corrupt {
            file: self.file.to_owned(),
            table: self.table,
            key: format!("{:?}", self.key),
            what: what.into(),
        }
    }

    /// Checks a value and reads its body to the end.
    pub(super) fn decode<'v, T>(
        &self,
        value: &'v [u8],
        read: impl FnOnce(&mut Reader<'v>) -> Result<T, Malformed>,
    ) -> Result<T, StoreError> {
        let checked = || {
            let mut body = Reader(check(value)?);
            let decoded = read(&mut body)?;
            match body.0.len() {
                0 => Ok(decoded),
                n => Err(format!("{n} bytes too many")),
            }
        };
        checked().map_err(|what| self.corrupt(what))
    }
}

/// Returns the body of a value.
pub(super) fn check(value: &[u8]) -> Result<&[u8], Malformed> {
    check_for(value, 0)
}

/// Returns the body of a value that was written by [`Writer::finish_for`].
pub(super) fn check_for(value: &[u8], seed: u64) -> Result<&[u8], Malformed> {
    let mut reader = Reader(value);
    let version = reader.u8()?;
    if version != VALUE_VERSION {
        return Err(format!("a value of version {version}, not {VALUE_VERSION}"));
    }
    let checksum = reader.u64()?;
    if xxh3_64_with_seed(reader.0, seed) != checksum {
        return Err("the checksum does not fit".to_owned());
    }
    Ok(reader.0)
}

/// A value that is being written.
#[derive(Debug)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn new() -> Self {
        Self(vec![0; HEADER_BYTES])
    }

    /// Returns the value, header and all.
    pub(super) fn finish(self) -> Vec<u8> {
        self.finish_for(0)
    }

    /// Returns the value with a checksum that fits under one key only, whose hash is `seed`.
    pub(super) fn finish_for(mut self, seed: u64) -> Vec<u8> {
        if let Some((header, body)) = self.0.split_at_mut_checked(HEADER_BYTES) {
            let mut bytes = [VALUE_VERSION; HEADER_BYTES];
            for (to, from) in bytes
                .iter_mut()
                .skip(1)
                .zip(xxh3_64_with_seed(body, seed).to_le_bytes())
            {
                *to = from;
            }
            header.copy_from_slice(&bytes);
        }
        self.0
    }

    pub(super) fn u8(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    pub(super) fn u64(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    /// Seven bits a byte, least first.
    pub(super) fn varint(&mut self, mut value: u64) -> &mut Self {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.varint(bytes.len() as u64).raw(bytes)
    }

    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }
}

/// A body that is being read.
#[derive(Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    #[cfg(test)]
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn raw(&mut self, n: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(n).ok_or("it ends early")?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.raw(N)?
            .try_into()
            .map_err(|_| "it ends early".to_owned())
    }

    /// Whether nothing follows: what a later program wrote may have more than what an earlier one did.
    pub(super) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(super) fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("a number is too large".to_owned())
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        u32::try_from(self.varint()?).map_err(|_| "a number is too large".to_owned())
    }

    /// Reads how many items follow, each of which takes at least one byte.
    pub(super) fn count(&mut self) -> Result<usize, Malformed> {
        let count = self.varint()?;
        if count > self.0.len() as u64 {
            return Err(format!("{count} items announced in {} bytes", self.0.len()));
        }
        Ok(count as usize)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let n = self.count()?;
        self.raw(n)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| "a text is not UTF-8".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_, u64> = Place {
        file: "f.redb",
        table: "t",
        key: 7,
    };

    fn value() -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .u8(3)
            .varint(u64::MAX)
            .varint(300)
            .text("hello")
            .u64(9);
        writer.finish()
    }

    fn read(reader: &mut Reader<'_>) -> Result<(u8, u64, u32, String, u64), Malformed> {
        Ok((
            reader.u8()?,
            reader.varint()?,
            reader.u32()?,
            reader.text()?.to_owned(),
            reader.u64()?,
        ))
    }

    #[test]
    fn what_was_written_is_read() {
        assert_eq!(
            PLACE.decode(&value(), read).unwrap(),
            (3, u64::MAX, 300, "hello".to_owned(), 9)
        );
    }

    #[test]
    fn every_changed_byte_and_every_truncation_is_noticed() {
        let good = value();
        for i in 0..good.len() {
            let mut bad = good.clone();
            bad[i] ^= 0x10;
            let error = PLACE.decode(&bad, read).unwrap_err().to_string();
            assert!(
                error.starts_with("`f.redb` is corrupt: table `t`, key 7: "),
                "{error}"
            );
            assert!(PLACE.decode(&good[..i], read).is_err());
        }
    }

    #[test]
    fn lengths_that_lie_are_errors() {
        assert!(Reader::new(&[0xff; 11]).varint().is_err());
        assert!(Reader::new(&[0xff, 0xff, 0xff, 0x7f, 1]).bytes().is_err());
        assert!(Reader::new(&[2, 0xff, 0xfe]).text().is_err());
    }
}
