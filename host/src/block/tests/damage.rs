//! Damaged bytes give errors: by the hashes, and behind the hashes by the decoders.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::{
    super::{
        directory::{ChunkEntry, Contents, Directory, block_id, chunk_hash},
        parents::is_acyclic,
        section::Section,
    },
    arbitrary, *,
};

/// Reads everything that there is to read.
fn read_all(block: &Block) -> Result<(), BlockError> {
    block.names()?;
    block.facts()?;
    block.kinds()?;
    block.status_codes()?;
    block.status_messages()?;
    block.scope_names()?;
    block.scope_versions()?;
    block.element_values()?;
    block.name_postings("a")?;
    for scope in AttributeScope::ALL {
        let keys: Vec<_> = block.attribute_keys(scope)?.map(str::to_owned).collect();
        for key in keys {
            block.attribute(scope, &key)?;
        }
    }
    for trace in 0..block.meta().n_traces {
        block.spans(trace)?;
    }
    Ok(())
}

/// Reads everything, whether it can be read or not: what can be is in range.
fn read_soundly(block: &Block) {
    drop(read_all(block));
    if let (Ok(names), Ok(strings)) = (block.names(), block.strings()) {
        assert!(names.iter().all(|&name| name < strings.len()));
    }
    let rows: Vec<u32> = (0..block.meta().n_spans).step_by(3).collect();
    let fresh = block.again();
    if let (Ok(names), Ok(strings)) = (fresh.names_at(&rows), fresh.strings()) {
        assert!(names.iter().all(|&name| name < strings.len()));
    }
    drop(fresh.starts_at(&rows));
    drop(fresh.ends_at(&rows));
    drop(fresh.resources_at(&rows));
    drop(fresh.kinds_at(&rows));
    drop(fresh.name_symbol("a"));
    let n_strings = fresh
        .strings()
        .map_or(0, |strings| u64::from(strings.len()));
    for key in ["a", "b", ""] {
        if let Ok(Some(column)) = fresh.attribute_at(AttributeScope::Span, key, &rows) {
            assert!(column.rows.iter().all(|row| rows.contains(row)));
            let mut cells = column.kinds.iter().zip(&column.values);
            assert!(cells.all(|(kind, value)| *kind != kind::STRING || *value < n_strings));
        }
    }
    if let Ok(parents) = block.parents() {
        assert!(is_acyclic(parents));
        let n_spans = block.meta().n_spans;
        assert!(parents.iter().all(|&p| p == NONE || p < n_spans));
    }
}

impl Block {
    /// The same block, of which nothing is decoded.
    fn again(&self) -> Self {
        Self::open(self.meta.clone(), Arc::clone(&self.source))
    }
}

/// Returns the directory of a block, and what its first chunk has of the stream.
fn head(encoded: &EncodedBlock) -> (Directory, Bytes) {
    Directory::decode(&encoded.chunks[0].1, &encoded.meta).unwrap()
}

/// Damages the parts of the stream in a chunk, and gives it the hash that it would have if that were meant.
fn damage_and_reseal(
    encoded: &mut EncodedBlock,
    chunk: prop::sample::Index,
    flips: Vec<(prop::sample::Index, u8)>,
) {
    let (directory, mut first) = head(encoded);
    let chunk = chunk.index(directory.chunks.len());
    let part = match chunk {
        0 => &mut first,
        chunk => &mut encoded.chunks[chunk].1,
    };
    for (at, xor) in flips {
        *part = damage(part, at, xor);
    }
    let mut entries: Vec<ChunkEntry> = directory.chunks.clone();
    entries[chunk].hash = chunk_hash(part);
    let bytes = Contents::of(&directory).encode(&entries);
    encoded.meta.id = block_id(&bytes);
    encoded.chunks[0].1 = [&bytes[..], &first].concat().into();
}

impl Contents {
    fn of(directory: &Directory) -> Self {
        let key = |entry| String::from_utf8(directory.key(entry).to_vec()).unwrap();
        Self {
            tenant: TenantId::default_tenant().as_str().to_owned(),
            rows: directory.rows,
            sections: Section::ALL
                .iter()
                .map(|section| directory.extent(*section).size_bytes)
                .collect(),
            attributes: AttributeScope::ALL.map(|scope| {
                let entries = directory.attributes(scope).1.iter();
                let entry = |e| (key(e), e.n_rows, e.extent.size_bytes);
                entries.map(entry).collect()
            }),
        }
    }
}

fn damage(bytes: &Bytes, at: prop::sample::Index, xor: u8) -> Bytes {
    let mut bytes = bytes.to_vec();
    let at = at.index(bytes.len());
    bytes[at] ^= xor;
    bytes.into()
}

proptest! {
    #[test]
    fn every_damaged_chunk_is_named(
        traces in arbitrary::traces(),
        chunk: prop::sample::Index,
        at: prop::sample::Index,
        xor in 1..=255_u8,
        cut: bool,
    ) {
        let mut encoded = build(&traces);
        let chunk = chunk.index(encoded.chunks.len());
        let bytes = &mut encoded.chunks[chunk].1;
        *bytes = if cut {
            bytes.slice(..at.index(bytes.len()))
        } else {
            damage(bytes, at, xor)
        };
        let block = encoded.to_block();
        match read_all(&block) {
            Err(BlockError::Corrupt { block, chunk: named, .. }) => {
                prop_assert_eq!(block, encoded.meta.id);
                prop_assert_eq!(named.0 as usize, chunk);
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn damage_behind_the_hashes_never_panics(
        traces in arbitrary::traces(),
        chunk: prop::sample::Index,
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..4),
    ) {
        let mut encoded = build(&traces);
        if !head(&encoded).0.chunks.is_empty() {
            damage_and_reseal(&mut encoded, chunk, flips);
            read_soundly(&encoded.to_block());
        }
    }

    #[test]
    fn a_damaged_directory_behind_its_hash_never_panics(
        traces in arbitrary::traces(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..4),
    ) {
        let mut encoded = build(&traces);
        let (directory, part) = head(&encoded);
        let mut bytes = directory.bytes.clone();
        for (at, xor) in flips {
            bytes = damage(&bytes, at, xor);
        }
        // Its own length is found, or the hash shows that it is another.
        let length = (bytes.len() as u32).to_le_bytes();
        let bytes = [&bytes[..1], &length, &bytes[5..]].concat();
        encoded.meta.id = block_id(&bytes);
        encoded.chunks[0].1 = [&bytes[..], &part].concat().into();
        read_soundly(&encoded.to_block());
    }
}

#[test]
fn a_chunk_of_another_block_is_noticed() {
    let one = build(&[long_trace(1)]);
    let mut other = build(&[long_trace(2)]);
    other.chunks[1] = one.chunks[1].clone();
    let error = other.to_block().span_ids().unwrap_err();
    assert!(
        matches!(
            error,
            BlockError::Corrupt {
                chunk: ChunkId(1),
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn another_format_is_named() {
    let mut encoded = build(&[trace(1, vec![span(1, 0, "a", vec![])])]);
    let directory_bytes = head(&encoded).0.bytes.len();
    let mut chunk = encoded.chunks[0].1.to_vec();
    chunk[0] = 200;
    encoded.meta.id = block_id(&chunk[..directory_bytes]);
    encoded.chunks[0].1 = chunk.into();
    let error = encoded.to_block().names().unwrap_err();
    assert!(
        matches!(error, BlockError::OtherVersion { found: 200, .. }),
        "{error}"
    );
}

#[test]
fn a_source_without_the_chunk_is_an_error() {
    let mut encoded = build(&[long_trace(1)]);
    encoded.chunks.truncate(1);
    let block = Block::open(encoded.meta.clone(), Arc::new(NoChunks));
    assert!(matches!(
        block.names(),
        Err(BlockError::Missing {
            chunk: ChunkId(0),
            ..
        })
    ));
    let error = encoded.to_block().span_ids().unwrap_err();
    assert!(
        matches!(
            error,
            BlockError::Missing {
                chunk: ChunkId(1),
                ..
            }
        ),
        "{error}"
    );
}

/// A trace whose block has several chunks.
fn long_trace(id: u8) -> SealedTrace {
    let spans = (0..2_000_u64).map(|number| {
        let mut span = span(1, 0, "a", vec![]);
        let noise = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 + u64::from(id));
        span.span_id = noise.to_be_bytes().to_vec();
        span
    });
    trace(id, spans.collect())
}

struct NoChunks;

impl ChunkSource for NoChunks {
    fn chunk(&self, id: ChunkId) -> Result<Bytes, BlockError> {
        Err(BlockError::Missing {
            block: BlockId([0; 16]),
            chunk: id,
        })
    }
}
