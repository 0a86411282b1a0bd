//! The bytes of the custom section `signature`, read and written. Knows no keys, and checks nothing but the form.
//!
//! ```text
//! section:   | 0 | length | 9 | "signature" | data |                        lengths and counts: varuint32 (LEB128)
//! data:      | version 1 | content type 1 | hash function 1 | count | (length | list)* |
//! list:      | count | (hash, 32 bytes)* | count | (length | signature)* |
//! signature: | length | key id | algorithm | length | bytes |
//! ```
//!
//! The lengths before lists and signatures are not in the conventions' tables; `wasmsign2`, which they were written by,
//! has them. Whatever the bytes, what is read is bounded by how many there are.

use super::{
    KeyId, SignatureError,
    limits::{HASH_LISTS_MAX, HASHES_MAX, SIGNATURES_MAX},
};

/// The name of the section, behind its length.
const NAME: &[u8] = b"\x09signature";

/// Version, content type, hash function: those that there are.
const FORMS: [u8; 3] = [1, 1, 1];

const TOO_MANY: &str = "there are more hashes or signatures than may be";

/// The algorithm Ed25519.
pub(super) const ED25519_ALGORITHM: u8 = 1;

/// Hashes, and the signatures of all of them together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SignedHashes {
    pub(super) hashes: Vec<[u8; 32]>,
    pub(super) signatures: Vec<Signature>,
}

/// One signature, of whatever algorithm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signature {
    /// Empty where the key is not named.
    pub(super) key_id: Vec<u8>,
    pub(super) algorithm: u8,
    pub(super) bytes: Vec<u8>,
}

impl Signature {
    /// Returns the id of the key, where it is one of ours or of `wasmsign2`.
    pub(super) fn key(&self) -> Option<KeyId> {
        self.key_id.as_slice().try_into().ok().map(KeyId)
    }
}

impl SignedHashes {
    /// Whether what is signed is the whole body, by its hash.
    pub(super) fn is_of(&self, body: &[u8; 32]) -> bool {
        self.hashes.last() == Some(body)
    }
}

/// Parts a component into the data of its signatures and its body.
pub(super) fn split(component: &[u8]) -> Result<(Option<&[u8]>, &[u8]), SignatureError> {
    let mut bytes = Bytes(component);
    let header = bytes.take(8).map_err(|_| SignatureError::NotWasm)?;
    if !header.starts_with(b"\0asm") {
        return Err(SignatureError::NotWasm);
    }
    let mut first = Bytes(bytes.0);
    if first.take(1).ok() != Some(&[0]) {
        return Ok((None, bytes.0));
    }
    let Ok(section) = first.slice() else {
        return Ok((None, bytes.0));
    };
    Ok(match section.strip_prefix(NAME) {
        Some(data) => (Some(data), first.0),
        None => (None, bytes.0),
    })
}

/// Puts a component together of the header of another, signatures and a body.
pub(super) fn write(header_of: &[u8], sets: &[SignedHashes], body: &[u8]) -> Vec<u8> {
    let mut data = FORMS.to_vec();
    put_number(&mut data, sets.len());
    for set in sets {
        let mut list = Vec::new();
        put_number(&mut list, set.hashes.len());
        list.extend_from_slice(set.hashes.as_flattened());
        put_number(&mut list, set.signatures.len());
        for signature in &set.signatures {
            let mut one = Vec::new();
            put_slice(&mut one, &signature.key_id);
            one.push(signature.algorithm);
            put_slice(&mut one, &signature.bytes);
            put_slice(&mut list, &one);
        }
        put_slice(&mut data, &list);
    }
    let mut signed: Vec<u8> = header_of.iter().take(8).copied().collect();
    signed.push(0);
    put_slice(&mut signed, &[NAME, &data].concat());
    signed.extend_from_slice(body);
    signed
}

/// Reads the data of a section. One without a signature is none.
pub(super) fn read_sections(data: &[u8]) -> Result<Vec<SignedHashes>, SignatureError> {
    let mut bytes = Bytes(data);
    if bytes.take(FORMS.len())? != FORMS {
        return malformed("they are of a version, a kind or a hash function that is unknown");
    }
    let n_sets = bytes.count(HASH_LISTS_MAX)?;
    let mut sets = Vec::new();
    let mut n_signatures = 0;
    for _ in 0..n_sets {
        let set = read_set(bytes.slice()?)?;
        n_signatures += set.signatures.len();
        sets.push(set);
    }
    bytes.end()?;
    match n_signatures {
        0 => Err(SignatureError::Unsigned),
        n if n > SIGNATURES_MAX => malformed(TOO_MANY),
        _ => Ok(sets),
    }
}

fn read_set(list: &[u8]) -> Result<SignedHashes, SignatureError> {
    let mut bytes = Bytes(list);
    let n_hashes = bytes.count(HASHES_MAX)?;
    let hashes = (0..n_hashes).map(|_| bytes.hash());
    let hashes = hashes.collect::<Result<_, _>>()?;
    let n_signatures = bytes.count(SIGNATURES_MAX)?;
    let signatures = (0..n_signatures).map(|_| read_signature(bytes.slice()?));
    let signatures = signatures.collect::<Result<_, _>>()?;
    bytes.end()?;
    Ok(SignedHashes { hashes, signatures })
}

fn read_signature(one: &[u8]) -> Result<Signature, SignatureError> {
    let mut bytes = Bytes(one);
    let key_id = bytes.slice()?.to_vec();
    let &[algorithm] = bytes.take(1)? else {
        return malformed("they end early");
    };
    let signature = bytes.slice()?.to_vec();
    bytes.end()?;
    Ok(Signature {
        key_id,
        algorithm,
        bytes: signature,
    })
}

fn malformed<T>(what: &'static str) -> Result<T, SignatureError> {
    Err(SignatureError::Malformed { what })
}

/// Bytes that are being read.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], SignatureError> {
        let Some((taken, rest)) = self.0.split_at_checked(n) else {
            return malformed("they end early");
        };
        self.0 = rest;
        Ok(taken)
    }

    fn hash(&mut self) -> Result<[u8; 32], SignatureError> {
        let Some((hash, rest)) = self.0.split_first_chunk() else {
            return malformed("they end early");
        };
        self.0 = rest;
        Ok(*hash)
    }

    /// Reads a varuint32 of WebAssembly: seven bits a byte, least first, five bytes at most.
    fn number(&mut self) -> Result<u32, SignatureError> {
        let mut number = 0;
        for shift in (0..32).step_by(7) {
            let &[byte] = self.take(1)? else {
                break;
            };
            if shift == 28 && byte > 0x0f {
                break;
            }
            number |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        malformed("a number is too large")
    }

    fn count(&mut self, most: usize) -> Result<usize, SignatureError> {
        let n = self.number()? as usize;
        if n > most {
            return malformed(TOO_MANY);
        }
        Ok(n)
    }

    fn slice(&mut self) -> Result<&'a [u8], SignatureError> {
        let n = self.number()? as usize;
        self.take(n)
    }

    fn end(&self) -> Result<(), SignatureError> {
        if self.0.is_empty() {
            return Ok(());
        }
        malformed("something follows them")
    }
}

fn put_number(to: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

fn put_slice(to: &mut Vec<u8>, bytes: &[u8]) {
    put_number(to, bytes.len());
    to.extend_from_slice(bytes);
}
