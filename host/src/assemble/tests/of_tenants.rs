//! What tenants have of one another: nothing.

use super::*;

#[test]
fn a_tenant_that_is_forgotten_leaves_others_open_and_its_frames_free() {
    let mut assembler = assembler(|options| options.trace_spans_max = 4);
    let other = TenantId::try_new("other").unwrap();
    put(&mut assembler, vec![span(1, 1, 0)], SEC, 1);
    assembler
        .add(&other, &sent(&[span(1, 2, 1)]), at(SEC, 2), |_| 0)
        .unwrap();
    let cut: Vec<_> = (1..=4).map(|id| span(2, id, 0)).collect();
    put(&mut assembler, cut, SEC, 3);
    let gone = assembler.forget(&tenant());
    assert_eq!(gone.len(), 2);
    assert!(gone.iter().all(|sealed| sealed.tenant == tenant()));
    let frames: Vec<u64> = gone
        .iter()
        .flat_map(|sealed| sealed.frames.clone())
        .collect();
    let mut free = assembler.release(&frames);
    free.sort_unstable();
    assert_eq!(free, [1, 3]);
    assert_eq!(assembler.stats().open_spans, 1);
    assert!(assembler.forget(&tenant()).is_empty());
    assert_eq!(ids(&assembler.due(60 * SEC)), [(trace_id(1), 1)]);
}

#[test]
fn tenants_share_a_trace_id_without_meeting() {
    let mut assembler = assembler(|_| {});
    let other = TenantId::try_new("other").unwrap();
    put(&mut assembler, vec![span(1, 1, 0)], SEC, 1);
    assembler
        .add(&other, &sent(&[span(1, 2, 1)]), at(SEC, 2), |_| 0)
        .unwrap();
    let open = assembler.open(&other, trace_id(1)).unwrap().seal();
    assert_eq!(open.to_sealed().spans, [span(1, 2, 1)]);
    let sealed = assembler.flush();
    assert_eq!(ids(&sealed), [(trace_id(1), 1), (trace_id(1), 1)]);
    assert_ne!(sealed[0].tenant, sealed[1].tenant);
}
