//! Whether every acknowledged request is there.

use std::collections::BTreeMap;

use super::{PACKS, PIECES, PackEntry, read_pack};
use crate::store::{
    codec::Place,
    doctor::{Area, Findings},
    error::StoreError,
    file::{DbFile, each_row},
    limits::NUMBER_MAX,
};

/// Looks at every pack and frame, and returns how many frames can be read.
pub(in crate::store) fn examine(file: &DbFile, findings: &mut Findings) -> u64 {
    let mut packs: BTreeMap<u64, PackEntry> = BTreeMap::new();
    each_row(file, PACKS, (Area::Inbox, findings), |first, value| {
        let place = Place {
            file: file.name(),
            table: "packs",
            key: first,
        };
        if first > NUMBER_MAX {
            return Err(place.corrupt("no frame has so high a number"));
        }
        packs.insert(first, place.decode(value, PackEntry::read)?);
        Ok(())
    });
    let mut n_frames = 0;
    for (first, entry) in &packs {
        let read = findings.check(Area::Inbox, read_pack(file, *first, *entry));
        for frame in read.unwrap_or_default() {
            n_frames += u64::from(findings.check(Area::Inbox, frame).is_some());
        }
    }
    each_row(
        file,
        PIECES,
        (Area::Inbox, findings),
        |(first, piece), _| {
            let of_pack = packs.get(&first);
            if of_pack.is_some_and(|pack| piece < pack.pieces) {
                return Ok(());
            }
            Err::<(), StoreError>(
                Place {
                    file: file.name(),
                    table: "pieces",
                    key: (first, piece),
                }
                .corrupt("it is of no pack"),
            )
        },
    );
    n_frames
}
