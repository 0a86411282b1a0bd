//! Who vouches for what is made live. A tenant may require signatures by its keys; what was published before it did, and
//! judges, goes on to judge.

use super::{Registry, RulesError, publish::NewPack};
use crate::{
    signature::SignatureError,
    store::RuleVersionRecord,
    tenant::{KeyName, TenantId, Trust},
};

/// What is wrong with bytes that a tenant does not take.
#[derive(Debug, thiserror::Error)]
pub enum Untrusted {
    /// Rule text, which has no signatures.
    #[error(
        "it is rule text, and {takes}: compile it with `betrace compile`, sign it with `betrace sign`, and apply the .wasm"
    )]
    Text {
        /// What the tenant takes.
        takes: String,
    },
    /// A component.
    #[error("{source}, and {takes}: {}", what_to_do(source))]
    Component {
        /// Why it is not taken for signed.
        source: SignatureError,
        /// What the tenant takes.
        takes: String,
    },
}

fn what_to_do(error: &SignatureError) -> &'static str {
    match error {
        SignatureError::NotWasm => "compile or build it, and sign it with `betrace sign`",
        SignatureError::Unsigned => "sign it with `betrace sign`",
        SignatureError::Malformed { .. } | SignatureError::Altered => {
            "build it again, and sign that with `betrace sign`"
        }
        SignatureError::Stranger { .. } => {
            "sign it with one of these keys, or have an operator trust its key by `betrace tenants trust`"
        }
    }
}

fn takes(trust: &Trust) -> String {
    let names: Vec<String> = trust
        .keys
        .iter()
        .map(|key| format!("`{}`", key.name))
        .collect();
    format!(
        "this tenant takes only what is signed by {}",
        names.join(" or ")
    )
}

/// Returns the names of the trusted keys that signed a pack. Comes before anything dearer looks at it.
pub(super) fn signers_of(trust: &Trust, pack: &NewPack) -> Result<Vec<String>, RulesError> {
    let signers = trust.signers(&pack.bytes);
    let names = |keys: Vec<KeyName>| keys.iter().map(ToString::to_string).collect();
    signers.map(names).map_err(|source| RulesError::Untrusted {
        what: format!("`{}`", pack.origin),
        // The component of a text was compiled on the way here.
        source: if source == SignatureError::Unsigned && pack.source.is_some() {
            Untrusted::Text {
                takes: takes(trust),
            }
        } else {
            Untrusted::Component {
                source,
                takes: takes(trust),
            }
        },
    })
}

impl Registry {
    /// Refuses to make a version live again that its tenant would not take now.
    pub(super) fn refuse_untrusted(
        &self,
        tenant: &TenantId,
        version: &RuleVersionRecord,
    ) -> Result<(), RulesError> {
        let trust = self.store.trust(tenant)?;
        if !trust.requires_signatures {
            return Ok(());
        }
        let bytes = self.pack_of(version)?;
        let signers = trust.signers(&bytes);
        signers.map(|_| ()).map_err(|source| RulesError::Untrusted {
            what: format!("version {} of `{}`", version.version.0, version.origin),
            source: Untrusted::Component {
                source,
                takes: takes(&trust),
            },
        })
    }
}
