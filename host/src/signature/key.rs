//! Ed25519 keys, and the text in which they are kept: PEM, as OpenSSL and whoever reads PKCS #8 know it.
//!
//! A private key is `PRIVATE KEY` ([RFC 5958](https://www.rfc-editor.org/rfc/rfc5958), version 1), a public one
//! `PUBLIC KEY` ([RFC 8410](https://www.rfc-editor.org/rfc/rfc8410)).

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{hmac, signature::Ed25519KeyPair, signature::KeyPair as _};
use rustls_pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer, pem::PemObject};

/// What stands before the 32 bytes of a public key (RFC 8410, section 4).
const PUBLIC_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// What stands before the 32 bytes of a private key (RFC 8410, section 7).
const SECRET_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Why a text is no key, or none can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A private key stands where a public one should.
    #[error("it is a private key, which nobody else is to see; the public one is wanted")]
    IsPrivate,
    /// No public key.
    #[error("it has no Ed25519 public key (`-----BEGIN PUBLIC KEY-----`)")]
    NoPublic,
    /// No private key, or one that is encrypted.
    #[error("it has no Ed25519 private key (`-----BEGIN PRIVATE KEY-----`, not encrypted)")]
    NoPrivate,
    /// The operating system has no randomness to give.
    #[error("this machine gives no random bytes: {0}")]
    NoRandomness(getrandom::Error),
}

/// Which key: the beginning of the HMAC of `key_id` under it, as `wasmsign2` names keys. A name, and no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(pub [u8; 12]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A public key: by it a signature is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// Reads the first public key of a PEM text.
    ///
    /// # Errors
    ///
    /// [`KeyError::IsPrivate`], [`KeyError::NoPublic`].
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let Ok(der) = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()) else {
            return Err(if SecretKey::from_pem(pem).is_ok() {
                KeyError::IsPrivate
            } else {
                KeyError::NoPublic
            });
        };
        let key = der.strip_prefix(&PUBLIC_PREFIX);
        let key = key.and_then(|key| key.try_into().ok());
        key.map(Self).ok_or(KeyError::NoPublic)
    }

    /// Writes it as PEM.
    pub fn to_pem(&self) -> String {
        pem("PUBLIC KEY", &[PUBLIC_PREFIX.as_slice(), &self.0].concat())
    }

    /// Returns its id.
    pub fn id(&self) -> KeyId {
        let named = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.0), b"key_id");
        let first = named.as_ref().first_chunk();
        KeyId(first.copied().unwrap_or_default())
    }
}

impl AsRef<Self> for PublicKey {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// A private key: with it one signs. Never logged.
pub struct SecretKey(Ed25519KeyPair);

impl SecretKey {
    /// Makes a key, and returns it with the text to keep it by, which nobody else is to see.
    ///
    /// # Errors
    ///
    /// [`KeyError::NoRandomness`].
    pub fn generate() -> Result<(Self, String), KeyError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(KeyError::NoRandomness)?;
        let text = pem("PRIVATE KEY", &[SECRET_PREFIX.as_slice(), &seed].concat());
        Ok((Self::from_pem(&text)?, text))
    }

    /// Reads the first private key of a PEM text.
    ///
    /// # Errors
    ///
    /// [`KeyError::NoPrivate`].
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes());
        let der = der.map_err(|_| KeyError::NoPrivate)?;
        // OpenSSL leaves out the public key, which this works out.
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der());
        pair.map(Self).map_err(|_| KeyError::NoPrivate)
    }

    /// Returns the public key that belongs to it.
    pub fn public(&self) -> PublicKey {
        let public = self.0.public_key().as_ref().try_into();
        // Of ring's keys it is 32 bytes long; were it not, no signature would fit.
        PublicKey(public.unwrap_or_default())
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        let signature = self.0.sign(message);
        signature.as_ref().try_into().unwrap_or([0; 64])
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.public().id())
    }
}

/// Both kinds of key fit one line of PEM (64 characters, RFC 7468).
fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}
