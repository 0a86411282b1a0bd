//! What the store says of rules, and how it lies in the catalog.

use crate::{
    clock::UnixNanos,
    rule_id::{Digest, RuleId, RuleMode, RuleVersion},
    store::codec::{Malformed, Reader, Writer},
};

/// A rule with its history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleRecord {
    /// The rule.
    pub id: RuleId,
    /// The version that judges, if the rule is enabled; none where it was removed.
    pub live: Option<RuleVersion>,
    /// Whether the live version judges.
    pub enabled: bool,
    /// Every version, oldest first.
    pub versions: Vec<RuleVersionRecord>,
}

/// Where the bytes of a version came from, beyond the name of a file; what is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// The exact place, by digest: `oci://REGISTRY/REPOSITORY@sha256:...`.
    pub reference: Option<String>,
    /// The names of the keys that its tenant trusted, and that had signed it, when it was published.
    pub signed_by: Vec<String>,
}

/// One version of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleVersionRecord {
    /// Its number.
    pub version: RuleVersion,
    /// The pack that it is in.
    pub digest: Digest,
    /// Where in the pack.
    pub index: u32,
    /// Where it came from, for people: the name of a file.
    pub origin: String,
    /// The text that it was compiled from, where there is one.
    pub source: Option<String>,
    /// What comes of its violations.
    pub mode: RuleMode,
    /// When.
    pub published_at: UnixNanos,
    /// By whom.
    pub published_by: String,
    /// Where it came from, and who had signed it.
    pub provenance: Provenance,
}

/// A version to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVersion {
    /// The rule.
    pub id: RuleId,
    /// The pack that it is in, which is stored already.
    pub digest: Digest,
    /// Where in the pack.
    pub index: u32,
    /// Where it came from, for people: the name of a file.
    pub origin: String,
    /// The text that it was compiled from, where there is one.
    pub source: Option<String>,
    /// What comes of its violations.
    pub mode: RuleMode,
    /// By whom.
    pub published_by: String,
    /// Where it came from, and who had signed it.
    pub provenance: Provenance,
}

/// One change of what is live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleChange {
    /// Makes a version, the next, and makes it the live one.
    Publish(NewVersion),
    /// Makes an earlier version the live one, of a removed rule too.
    RollBack {
        /// The rule.
        id: RuleId,
        /// The version.
        to: RuleVersion,
    },
    /// Lets the live version judge.
    Enable {
        /// The rule.
        id: RuleId,
    },
    /// Keeps the live version from judging.
    Disable {
        /// The rule.
        id: RuleId,
    },
    /// Takes the rule out. Its history stays, and its version numbers are not used again.
    Remove {
        /// The rule.
        id: RuleId,
    },
}

impl RuleChange {
    /// Returns the rule that it changes.
    pub fn id(&self) -> &RuleId {
        match self {
            Self::Publish(NewVersion { id, .. })
            | Self::RollBack { id, .. }
            | Self::Enable { id }
            | Self::Disable { id }
            | Self::Remove { id } => id,
        }
    }
}

/// What publishing led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The rule set that is live.
    pub rule_set: u64,
    /// For each change in order, the version that is live; nothing for a removal.
    pub versions: Vec<(RuleId, RuleVersion)>,
}

/// A rule set as it is stored: which version of which rule judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSetRecord {
    /// Its number, counted per tenant.
    pub number: u64,
    /// In order of the ids.
    pub rules: Vec<(RuleId, RuleVersion)>,
}

/// How a rule stands. Versions are kept beside it, so that this is small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RuleState {
    pub(super) live: Option<RuleVersion>,
    pub(super) enabled: bool,
    /// The highest number given out.
    pub(super) last: RuleVersion,
}

impl Default for RuleState {
    fn default() -> Self {
        Self {
            live: None,
            enabled: true,
            last: RuleVersion(0),
        }
    }
}

impl RuleState {
    pub(super) fn to_value(self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer
            .varint(self.live.map_or(0, |version| version.0).into())
            .u8(self.enabled.into())
            .varint(self.last.0.into());
        writer.finish()
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let live = reader.u32()?;
        Ok(Self {
            live: (live != 0).then_some(RuleVersion(live)),
            enabled: reader.u8()? != 0,
            last: RuleVersion(reader.u32()?),
        })
    }
}

pub(super) fn version_value(new: &NewVersion, published_at: UnixNanos) -> Vec<u8> {
    let NewVersion {
        id: _,
        digest,
        index,
        origin,
        source,
        mode,
        published_by,
        provenance,
    } = new;
    let mut writer = Writer::new();
    writer
        .raw(&digest.0)
        .varint((*index).into())
        .text(origin)
        .u8(source.is_some().into())
        .text(source.as_deref().unwrap_or_default())
        .u8(*mode as u8)
        .u64(published_at.0)
        .text(published_by);
    if *provenance != Provenance::default() {
        write_provenance(provenance, &mut writer);
    }
    writer.finish()
}

pub(super) fn read_version(
    reader: &mut Reader<'_>,
    version: RuleVersion,
) -> Result<RuleVersionRecord, Malformed> {
    let digest = Digest(reader.array()?);
    let index = reader.u32()?;
    let origin = reader.text()?.to_owned();
    let has_source = reader.u8()? != 0;
    let source = reader.text()?;
    let mode = RuleMode::from_number(reader.u8()?).ok_or("a mode is none")?;
    Ok(RuleVersionRecord {
        version,
        digest,
        index,
        origin,
        source: has_source.then(|| source.to_owned()),
        mode,
        published_at: UnixNanos(reader.u64()?),
        published_by: reader.text()?.to_owned(),
        provenance: read_provenance(reader)?,
    })
}

/// At the end of a version, and only where there is something to say: the first stores have none.
fn write_provenance(provenance: &Provenance, writer: &mut Writer) {
    let Provenance {
        reference,
        signed_by,
    } = provenance;
    writer
        .text(reference.as_deref().unwrap_or_default())
        .varint(signed_by.len() as u64);
    for name in signed_by {
        writer.text(name);
    }
}

fn read_provenance(reader: &mut Reader<'_>) -> Result<Provenance, Malformed> {
    if reader.is_at_end() {
        return Ok(Provenance::default());
    }
    let reference = reader.text()?.to_owned();
    let n_keys = reader.count()?;
    let signed_by = (0..n_keys).map(|_| Ok(reader.text()?.to_owned()));
    Ok(Provenance {
        reference: (!reference.is_empty()).then_some(reference),
        signed_by: signed_by.collect::<Result<_, Malformed>>()?,
    })
}

pub(super) fn rule_set_value(rules: &[(RuleId, RuleVersion)]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.varint(rules.len() as u64);
    for (id, version) in rules {
        writer.text(id.as_str()).varint(version.0.into());
    }
    writer.finish()
}

pub(super) fn read_rule_set(
    reader: &mut Reader<'_>,
) -> Result<Vec<(RuleId, RuleVersion)>, Malformed> {
    let n = reader.count()?;
    (0..n)
        .map(|_| {
            let id = RuleId::try_new(reader.text()?).ok_or("a rule id is none")?;
            Ok((id, RuleVersion(reader.u32()?)))
        })
        .collect()
}
