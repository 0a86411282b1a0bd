//! Damaged bytes give errors: by the hashes, and behind the hashes by the decoders.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::{
    super::{
        directory::{ChunkEntry, Directory, block_id},
        parents::is_acyclic,
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

/// Gives damaged chunks the hashes that they would have if they were meant.
fn reseal(encoded: &mut EncodedBlock) {
    let (head, chunks) = encoded.chunks.split_first_mut().unwrap();
    let mut directory = Directory::decode(&head.1, &encoded.meta).unwrap();
    directory.chunks = chunks
        .iter()
        .map(|(_, bytes)| ChunkEntry::of(bytes))
        .collect();
    head.1 = directory.encode().into();
    encoded.meta.id = block_id(&head.1);
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
        if encoded.chunks.len() > 1 {
            let chunk = 1 + chunk.index(encoded.chunks.len() - 1);
            for (at, xor) in flips {
                encoded.chunks[chunk].1 = damage(&encoded.chunks[chunk].1, at, xor);
            }
            reseal(&mut encoded);
            read_soundly(&encoded.to_block());
        }
    }

    #[test]
    fn a_damaged_directory_behind_its_hash_never_panics(
        traces in arbitrary::traces(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..4),
    ) {
        let mut encoded = build(&traces);
        for (at, xor) in flips {
            encoded.chunks[0].1 = damage(&encoded.chunks[0].1, at, xor);
        }
        encoded.meta.id = block_id(&encoded.chunks[0].1);
        read_soundly(&encoded.to_block());
    }
}

#[test]
fn a_chunk_of_another_block_is_noticed() {
    let one = build(&[trace(1, vec![span(1, 0, "a", vec![])])]);
    let mut other = build(&[trace(2, vec![span(1, 0, "a", vec![])])]);
    other.chunks[1] = one.chunks[1].clone();
    let error = other.to_block().names().unwrap_err();
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
    let mut head = encoded.chunks[0].1.to_vec();
    head[0] = 200;
    encoded.chunks[0].1 = head.into();
    encoded.meta.id = block_id(&encoded.chunks[0].1);
    let error = encoded.to_block().names().unwrap_err();
    assert!(
        matches!(error, BlockError::OtherVersion { found: 200, .. }),
        "{error}"
    );
}

#[test]
fn a_source_without_the_chunk_is_an_error() {
    let mut encoded = build(&[trace(1, vec![span(1, 0, "a", vec![])])]);
    encoded.chunks.truncate(1);
    let block = Block::open(encoded.meta.clone(), Arc::new(NoChunks));
    assert!(matches!(
        block.names(),
        Err(BlockError::Missing {
            chunk: ChunkId(0),
            ..
        })
    ));
    let error = encoded.to_block().names().unwrap_err();
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

struct NoChunks;

impl ChunkSource for NoChunks {
    fn chunk(&self, id: ChunkId) -> Result<Bytes, BlockError> {
        Err(BlockError::Missing {
            block: BlockId([0; 16]),
            chunk: id,
        })
    }
}
