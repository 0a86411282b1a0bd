//! Bearer tokens: 256 random bits, of which a hash is kept.
//!
//! A hash of SHA-256 without salt or stretching is enough for what is random in every bit: who has the hash would have to
//! guess 2^256 tokens.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::TokenOwner;

/// The random bytes of a token.
const RANDOM_BYTES: usize = 32;

/// A token as its holder has it: printed once, and never stored or logged.
#[derive(Clone)]
pub struct Token(String);

/// The operating system has no randomness to give.
#[derive(Debug, thiserror::Error)]
#[error("this machine gives no random bytes: {0}")]
pub struct NoRandomness(getrandom::Error);

impl Token {
    /// Makes a token. Its beginning says what it is, to people and to programs that look for leaked secrets.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`].
    pub fn try_new(owner: &TokenOwner) -> Result<Self, NoRandomness> {
        let mut random = [0; RANDOM_BYTES];
        getrandom::fill(&mut random).map_err(NoRandomness)?;
        let prefix = match owner {
            TokenOwner::Tenant(_) => "btr_",
            TokenOwner::Operator => "btr_admin_",
        };
        Ok(Self(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random))))
    }

    /// Returns the text, for the one to whom it is given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// What is kept of a token.
#[derive(Clone, Copy, Debug)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// Hashes what somebody presents as a token.
    pub fn of(presented: &str) -> Self {
        Self(Sha256::digest(presented).into())
    }

    /// Whether both are of one token. Takes the same time wherever they differ.
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// Returns the first eight bytes, by which hashes are looked up: nobody can choose them without trying out tokens.
    pub fn tag(&self) -> u64 {
        let first = self.0.first_chunk();
        first.map_or(0, |first| u64::from_le_bytes(*first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant::TenantId;

    #[test]
    fn tokens_differ_say_what_they_are_and_do_not_print_themselves() {
        let owner = TokenOwner::Tenant(TenantId::default_tenant());
        let (a, b) = (
            Token::try_new(&owner).unwrap(),
            Token::try_new(&owner).unwrap(),
        );
        assert_ne!(a.as_str(), b.as_str());
        assert_eq!(a.as_str().len(), "btr_".len() + 43);
        assert!(!format!("{a:?}").contains(&a.as_str()[4..]));
        let admin = Token::try_new(&TokenOwner::Operator).unwrap();
        assert!(admin.as_str().starts_with("btr_admin_"));
        let (of_a, of_b) = (TokenHash::of(a.as_str()), TokenHash::of(b.as_str()));
        assert!(of_a.is(&TokenHash::of(a.as_str())) && !of_a.is(&of_b));
    }
}
