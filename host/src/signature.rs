//! Signatures that travel inside a component: who vouches for its bytes. Knows bytes and keys, and neither rules,
//! tenants nor files.
//!
//! The format is the tool conventions' "WebAssembly signatures" (`Signatures.md` of `WebAssembly/tool-conventions`), as
//! `wasmsign2` reads and writes it, with Ed25519 ([RFC 8032](https://www.rfc-editor.org/rfc/rfc8032)) and SHA-256:
//!
//! ```text
//! component: | header, 8 bytes | custom section `signature` | body: all other sections |
//! signed:    "wasmsig" | 1 | 1 | 1 | hashes        version, content type, hash function
//! ```
//!
//! What a signature is of is a list of hashes, of which the last must be the hash of the whole body. A signature of a part
//! of the body is none here, as the conventions say of runtimes.
//!
//! Not covered: signatures in a file of their own, and keys that expire or are revoked by anybody but whoever trusts them.

mod key;
pub mod limits;
mod section;

use ring::signature::{ED25519, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};

pub use key::{KeyError, KeyId, PublicKey, SecretKey};
use section::{ED25519_ALGORITHM, Signature, SignedHashes, read_sections, split, write};

/// What begins every message that is signed: the conventions' domain, version, content type and hash function.
const DOMAIN: &[u8] = b"wasmsig\x01\x01\x01";

/// Why a component is not taken for signed, or cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It is no WebAssembly.
    #[error("it is no WebAssembly")]
    NotWasm,
    /// It has no signature.
    #[error("it is not signed")]
    Unsigned,
    /// Its signatures cannot be read.
    #[error("its signatures cannot be read: {what}")]
    Malformed {
        /// What is wrong.
        what: &'static str,
    },
    /// It has signatures, and they are of other bytes.
    #[error("it was altered after it was signed")]
    Altered,
    /// It is signed, by keys that nobody asked about.
    #[error("it is signed by {} alone", by(keys))]
    Stranger {
        /// What the signatures say of their keys.
        keys: Vec<Option<KeyId>>,
    },
}

fn by(keys: &[Option<KeyId>]) -> String {
    let named = keys.iter().map(|key| match key {
        Some(key) => format!("the key {key}"),
        None => "a key that it does not name".to_owned(),
    });
    named.collect::<Vec<_>>().join(", ")
}

/// The signatures of a component, whoever made them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signatures {
    /// What each says of its key, in order: a hint, which nobody has checked.
    pub keys: Vec<Option<KeyId>>,
    /// Whether one of them is of the bytes that are there.
    pub fit: bool,
}

/// Returns the signatures that a component has; none where it has no section of them.
///
/// # Errors
///
/// [`SignatureError::NotWasm`], [`SignatureError::Malformed`].
pub fn signatures(component: &[u8]) -> Result<Option<Signatures>, SignatureError> {
    let (section, body) = split(component)?;
    let Some(section) = section else {
        return Ok(None);
    };
    let sets = read_sections(section)?;
    let all = sets.iter().flat_map(|set| &set.signatures);
    let hash = Sha256::digest(body);
    Ok(Some(Signatures {
        keys: all.map(Signature::key).collect(),
        fit: sets.iter().any(|set| set.is_of(&hash.into())),
    }))
}

/// Returns those of the keys by which the component is signed, all of it: one at least.
///
/// Takes time in proportion to the component, and to signatures times keys.
///
/// # Errors
///
/// [`SignatureError`]: which of them says what is wrong with it.
pub fn signers<'k, K: AsRef<PublicKey>>(
    component: &[u8],
    keys: &'k [K],
) -> Result<Vec<&'k K>, SignatureError> {
    let (section, body) = split(component)?;
    let sets = read_sections(section.ok_or(SignatureError::Unsigned)?)?;
    let hash = Sha256::digest(body).into();
    let mut of_this = sets.iter().filter(|set| set.is_of(&hash)).peekable();
    if of_this.peek().is_none() {
        return Err(SignatureError::Altered);
    }
    let of_this: Vec<_> = of_this.collect();
    let has_signed = |key: &&K| of_this.iter().any(|set| is_by(set, (*key).as_ref()));
    let signers: Vec<&K> = keys.iter().filter(has_signed).collect();
    if !signers.is_empty() {
        return Ok(signers);
    }
    let claimed: Vec<Option<KeyId>> = of_this
        .iter()
        .flat_map(|set| set.signatures.iter().map(Signature::key))
        .collect();
    let ids: Vec<KeyId> = keys.iter().map(|key| key.as_ref().id()).collect();
    // A signature that names the key and is not its: the hash was made to fit, and the signature could not be.
    if claimed.iter().flatten().any(|id| ids.contains(id)) {
        return Err(SignatureError::Altered);
    }
    Err(SignatureError::Stranger { keys: claimed })
}

/// Signs a component, beside the signatures that it has. Signed again by the same key it is the same bytes.
///
/// # Errors
///
/// [`SignatureError::NotWasm`]; [`SignatureError::Malformed`] and [`SignatureError::Altered`] of signatures that it has.
pub fn sign(component: &[u8], key: &SecretKey) -> Result<Vec<u8>, SignatureError> {
    let (section, body) = split(component)?;
    let mut sets = section.map(read_sections).transpose()?.unwrap_or_default();
    let hash = Sha256::digest(body).into();
    if !sets.is_empty() && !sets.iter().any(|set| set.is_of(&hash)) {
        return Err(SignatureError::Altered);
    }
    let public = key.public();
    if sets
        .iter()
        .any(|set| set.is_of(&hash) && is_by(set, &public))
    {
        return Ok(component.to_vec());
    }
    let n_signatures: usize = sets.iter().map(|set| set.signatures.len()).sum();
    if n_signatures >= limits::SIGNATURES_MAX {
        let what = "there are as many as may be";
        return Err(SignatureError::Malformed { what });
    }
    let signature = Signature {
        key_id: public.id().0.to_vec(),
        algorithm: ED25519_ALGORITHM,
        bytes: key.sign(&message(&[hash])).to_vec(),
    };
    match sets.iter_mut().find(|set| set.hashes == [hash]) {
        Some(set) => set.signatures.push(signature),
        None => sets.push(SignedHashes {
            hashes: vec![hash],
            signatures: vec![signature],
        }),
    }
    Ok(write(component, &sets, body))
}

/// Whether a set has a signature by the key.
fn is_by(set: &SignedHashes, key: &PublicKey) -> bool {
    let message = message(&set.hashes);
    let public = UnparsedPublicKey::new(&ED25519, key.0);
    let id = key.id();
    set.signatures
        .iter()
        .filter(|signature| signature.algorithm == ED25519_ALGORITHM)
        .filter(|signature| signature.key().is_none_or(|named| named == id))
        .any(|signature| public.verify(&message, &signature.bytes).is_ok())
}

fn message(hashes: &[[u8; 32]]) -> Vec<u8> {
    [DOMAIN, hashes.as_flattened()].concat()
}

#[cfg(test)]
mod tests;
