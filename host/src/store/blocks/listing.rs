//! What the catalog keeps of a block.

use xxhash_rust::xxh3::xxh3_64;

use crate::{
    block::{BlockId, BlockMeta, TraceFilter},
    store::codec::{Malformed, Reader, Writer},
    trace::TraceId,
};

/// What goes with a block into the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The number of the tenant's rule set that is to judge it.
    pub rule_set: u64,
    /// The rows of older blocks that it takes the place of.
    pub supersedes: Vec<Superseded>,
}

/// A trace of a listed block that a newer block holds whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Superseded {
    /// The trace, which the newer block has too.
    pub trace_id: TraceId,
    /// The older block.
    pub block: BlockId,
    /// The number of the trace in the older block.
    pub trace: u32,
}

/// Where a block's chunks lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Layout {
    /// All in one value.
    Whole = 0,
    /// A value for each chunk, and postings.
    Chunks = 1,
}

/// Of which names a block has postings: a name that has none there is not in the block, if nothing is damaged, and this is
/// what damage is told by. Of a block that is one value: of none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Indexed {
    /// Hashes of the names that have postings of their own, ascending.
    own: Box<[u32]>,
    /// Whether there are names without.
    others: bool,
}

impl Indexed {
    pub(super) fn of(own: &[&str], others: bool) -> Self {
        let mut own: Vec<u32> = own.iter().map(|name| name_hash(name)).collect();
        own.sort_unstable();
        Self {
            own: own.into(),
            others,
        }
    }

    /// Whether a name has postings of its own. Of one that has, always true.
    pub(in crate::store) fn has_own(&self, name: &str) -> bool {
        self.own.binary_search(&name_hash(name)).is_ok()
    }

    /// How many names have postings of their own.
    pub(in crate::store) fn n_own(&self) -> usize {
        self.own.len()
    }

    /// Whether there are names that share their postings.
    pub(in crate::store) fn has_others(&self) -> bool {
        self.others
    }

    fn put(&self, writer: &mut Writer) {
        let Self { own, others } = self;
        writer.u8((*others).into()).varint(own.len() as u64);
        for hash in own {
            writer.raw(&hash.to_le_bytes());
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let others = reader.u8()? != 0;
        let n = reader.count()?;
        let own = (0..n).map(|_| Ok(u32::from_le_bytes(reader.array()?)));
        Ok(Self {
            own: own.collect::<Result<_, Malformed>>()?,
            others,
        })
    }
}

fn name_hash(name: &str) -> u32 {
    xxh3_64(name.as_bytes()) as u32
}

/// An entry of the list. Never changes.
#[derive(Debug)]
pub(in crate::store) struct Entry {
    /// Its place in the list, which also names its chunks. Never used again, over restarts too.
    pub(in crate::store) seq: u64,
    /// The number of the file that it is in.
    pub(in crate::store) file: u32,
    pub(in crate::store) layout: Layout,
    pub(in crate::store) indexed: Indexed,
    pub(in crate::store) rule_set: u64,
    /// With whether it was the first to take that row's place: the first takes the row's verdict out of
    /// the coverage, and nobody else.
    pub(in crate::store) supersedes: Vec<(Superseded, bool)>,
    pub(in crate::store) meta: BlockMeta,
    pub(in crate::store) filter: TraceFilter,
}

impl Entry {
    pub(in crate::store) fn to_value(&self) -> Vec<u8> {
        let Self {
            seq: _,
            file,
            layout,
            indexed,
            rule_set,
            supersedes,
            meta,
            filter,
        } = self;
        let mut writer = Writer::new();
        writer
            .varint((*file).into())
            .u8(*layout as u8)
            .varint(*rule_set)
            .varint(supersedes.len() as u64);
        for (row, first) in supersedes {
            writer
                .raw(&row.trace_id.0)
                .raw(&row.block.0)
                .varint(row.trace.into())
                .u8((*first).into());
        }
        indexed.put(&mut writer);
        writer.bytes(&meta.encode()).bytes(&filter.to_bytes());
        writer.finish()
    }

    pub(in crate::store) fn read(reader: &mut Reader<'_>, seq: u64) -> Result<Self, Malformed> {
        let file = reader.u32()?;
        let layout = match reader.u8()? {
            0 => Layout::Whole,
            1 => Layout::Chunks,
            other => return Err(format!("a layout is {other}")),
        };
        let rule_set = reader.varint()?;
        let n_supersedes = reader.count()?;
        let supersedes = (0..n_supersedes)
            .map(|_| {
                let row = Superseded {
                    trace_id: TraceId(reader.array()?),
                    block: BlockId(reader.array()?),
                    trace: reader.u32()?,
                };
                Ok((row, reader.u8()? != 0))
            })
            .collect::<Result<_, Malformed>>()?;
        let indexed = Indexed::read(reader)?;
        Ok(Self {
            seq,
            file,
            layout,
            indexed,
            rule_set,
            supersedes,
            meta: BlockMeta::decode(reader.bytes()?).map_err(|e| e.to_string())?,
            filter: TraceFilter::from_bytes(reader.bytes()?).map_err(|e| e.to_string())?,
        })
    }
}
