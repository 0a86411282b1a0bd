//! Timezones: a function each, from Unix time to local time, in seconds.

use wasm_encoder::BlockType;

use super::{
    asm::{Asm, at},
    frame::Plan,
    module::Builder,
};
use crate::{ir::Zone, reads::Distinct};

pub(super) fn define(builder: &mut Builder, plan: &Plan<'_>, zones: &Distinct<Zone>) {
    for zone in &zones.items {
        let function = emit_zone(builder, zone);
        builder.define(plan.zone(zone), function.finish());
    }
}

/// Looks the offset up that holds, by halving: the first holds from the beginning of time.
fn emit_zone(builder: &mut Builder, zone: &Zone) -> Asm {
    let seconds = Asm::param(0);
    let mut asm = Asm::new(1);
    let since: Vec<u8> = zone
        .offsets
        .iter()
        .flat_map(|(since, _)| since.to_le_bytes())
        .collect();
    let offsets: Vec<u8> = zone
        .offsets
        .iter()
        .flat_map(|(_, offset)| i64::from(*offset).to_le_bytes())
        .collect();
    let (since, offsets) = (builder.place(&since), builder.place(&offsets));
    let (low, high, middle) = (asm.i32(), asm.i32(), asm.i32());
    // The one that holds is at `low` or after it, and before `high`.
    asm.int(zone.offsets.len() as u32).set(high);
    asm.while_(
        |asm| {
            asm.get(high).get(low).op().i32_sub();
            asm.int(1).op().i32_gt_u();
        },
        |asm| {
            asm.get(low).get(high).op().i32_add();
            asm.int(1).op().i32_shr_u();
            asm.tee(middle).int(3).op().i32_shl().i64_load(at(since));
            asm.get(seconds).op().i64_le_s();
            asm.op().if_(BlockType::Empty);
            asm.get(middle).set(low);
            asm.op().else_();
            asm.get(middle).set(high);
            asm.op().end();
        },
    );
    asm.get(seconds);
    asm.get(low).int(3).op().i32_shl().i64_load(at(offsets));
    asm.op().i64_add();
    debug_assert!(!zone.offsets.is_empty(), "a zone has a first offset");
    asm
}
