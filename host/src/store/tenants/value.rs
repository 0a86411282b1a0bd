//! How limits and tokens lie in the catalog.

use crate::{
    clock::UnixNanos,
    store::codec::{Malformed, Reader, Writer},
    tenant::{Limit, TenantId, TenantLimits, TokenName, TokenOwner},
};

/// What is known of a token, which is not the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// Its name.
    pub name: TokenName,
    /// When it was made.
    pub created: UnixNanos,
    /// When it ends; none where it does not.
    pub expires: Option<UnixNanos>,
}

impl TokenRecord {
    /// Whether it is good for anything at this time.
    pub fn holds_at(&self, now: UnixNanos) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }
}

pub(super) fn limits_value(limits: &TenantLimits) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.varint(limits.each_set().len() as u64);
    for (limit, value) in limits.each_set() {
        // By name: a limit that comes later moves none of the others.
        writer.text(limit.name()).varint(value);
    }
    writer.finish()
}

pub(super) fn read_limits(reader: &mut Reader<'_>) -> Result<TenantLimits, Malformed> {
    let mut limits = TenantLimits::default();
    for _ in 0..reader.count()? {
        let name = reader.text()?;
        let limit = Limit::from_name(name).ok_or_else(|| format!("there is no limit `{name}`"))?;
        limits.set(limit, Some(reader.varint()?));
    }
    Ok(limits)
}

/// Whose it is, as a number.
const OF_TENANT: u8 = 0;
const OF_OPERATOR: u8 = 1;

pub(super) fn token_value(owner: &TokenOwner, record: &TokenRecord) -> Vec<u8> {
    let TokenRecord {
        name,
        created,
        expires,
    } = record;
    let mut writer = Writer::new();
    match owner {
        TokenOwner::Tenant(tenant) => writer.u8(OF_TENANT).text(tenant.as_str()),
        TokenOwner::Operator => writer.u8(OF_OPERATOR),
    };
    writer.text(name.as_str()).u64(created.0);
    match expires {
        Some(expires) => writer.u8(1).u64(expires.0),
        None => writer.u8(0),
    };
    writer.finish()
}

pub(super) fn read_token(reader: &mut Reader<'_>) -> Result<(TokenOwner, TokenRecord), Malformed> {
    let owner = match reader.u8()? {
        OF_TENANT => {
            let tenant = TenantId::try_new(reader.text()?);
            TokenOwner::Tenant(tenant.ok_or("a tenant's name is none")?)
        }
        OF_OPERATOR => TokenOwner::Operator,
        other => return Err(format!("a token's owner is {other}")),
    };
    let record = TokenRecord {
        name: TokenName::try_new(reader.text()?).ok_or("a token's name is none")?,
        created: UnixNanos(reader.u64()?),
        expires: match reader.u8()? {
            0 => None,
            1 => Some(UnixNanos(reader.u64()?)),
            other => return Err(format!("whether a token ends is {other}")),
        },
    };
    Ok((owner, record))
}
