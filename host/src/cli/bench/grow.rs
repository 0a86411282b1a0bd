//! How costs grow: with the size of a store, and with the length of a trace. A cost that is in proportion has the same
//! figure in every row of its case.
//!
//! How it grows with the number of rules is in the part `judge`.

use std::num::NonZeroU64;

use super::{
    Bench,
    judge::{self, case, load, own_failure},
    made::{Made, Parameters, open_or_make},
    measure::{Case, Row, Unit, repeat},
    native,
    question::Question,
    replay,
    traces::REQUEST_SPANS,
};
use crate::{block::Block, cli::exit::Failure, store::Store, tenant::TenantId, trace::TraceId};

const PART: &str = "grow";

/// Spans of a store; those that are no more than were asked for are made.
const STORE_SPANS: [u64; 4] = [10_000, 100_000, 1_000_000, 10_000_000];

/// Spans of a trace.
const TRACE_SPANS: [u32; 5] = [10, 100, 1_000, 10_000, 100_000];

/// Blocks of traces of each length: 131,072 spans, or one trace that is longer.
const BLOCKS: u64 = 8;

/// Traces that are looked for in a store.
const LOOKUPS: u64 = 1_000;

/// Measures how costs grow, in stores of at most `spans` spans.
pub(super) fn run(bench: &Bench<'_>, spans: u64, rows: &mut Vec<Row>) -> Result<(), Failure> {
    for store_spans in STORE_SPANS
        .into_iter()
        .filter(|of_store| *of_store <= spans)
    {
        if bench.interrupt.asked() {
            return Ok(());
        }
        of_store(bench, store_spans, rows)?;
    }
    for trace_spans in TRACE_SPANS {
        of_trace(bench, trace_spans, spans, rows)?;
    }
    Ok(())
}

/// Makes a store, and measures making, opening, looking up and replaying.
fn of_store(bench: &Bench<'_>, spans: u64, rows: &mut Vec<Row>) -> Result<(), Failure> {
    let folder = tempfile::tempdir().map_err(own_failure)?;
    let dir = folder.path().join("store");
    let traces = NonZeroU64::new(spans / u64::from(REQUEST_SPANS)).unwrap_or(NonZeroU64::MIN);
    let parameters = Parameters::new(traces, REQUEST_SPANS);
    let bar = bench
        .console
        .progress_count("make", "traces", Some(traces.get()));
    let before = bench.clock.monotonic();
    let made = open_or_make(&dir, parameters, bench.threads, &bar, &bench.interrupt)?;
    let took = bench.clock.monotonic().saturating_sub(before);
    bar.finish_and_clear();
    let Some(made) = made else { return Ok(()) };
    let case = |name: &str, rules: &[Question], threads| {
        replay::case(PART, name.to_owned(), rules, threads, &made)
    };
    let each = took.as_nanos() as f64 / made.parameters.spans() as f64;
    rows.push(case("store: make and put", &[], bench.threads).figure(Unit::NsPerSpan, each, 1));

    for question in [Question::Rare, Question::Common, Question::Order] {
        if let Some(judged) = replay::judged(bench, &made, &[question], 1)? {
            let case = case(
                &format!("store: replay {}", question.name()),
                &[question],
                1,
            );
            rows.push(case.judged(Unit::NsPerSpan, &judged));
        }
    }
    if let Some(row) = look_up(
        bench,
        &made,
        case("store: look up what is not there", &[], 1),
    )? {
        rows.push(row);
    }
    let opened = case("store: open", &[], 1);
    let Made { store, .. } = made;
    drop(store);
    let open = || {
        let clock = std::sync::Arc::new(crate::clock::SystemClock::new());
        Store::open(&dir, clock).map(drop)
    };
    let (took, runs, ()) = repeat(bench.clock, bench.at_least, open).map_err(own_failure)?;
    rows.push(opened.figure(Unit::Ms, took.as_secs_f64() * 1e3, runs));
    Ok(())
}

/// Looks for traces that are not stored, as sealing does for nearly every trace.
fn look_up(bench: &Bench<'_>, made: &Made, case: Case) -> Result<Option<Row>, Failure> {
    let tenant = TenantId::default_tenant();
    let look = || {
        for number in 0..LOOKUPS {
            let mut id = [0; 16];
            // The first half of an id of the bench is odd.
            let halves = [number << 1, number.wrapping_mul(0x9e37_79b9_7f4a_7c15)].into_iter();
            for (to, from) in id.iter_mut().zip(halves.flat_map(u64::to_be_bytes)) {
                *to = from;
            }
            made.store.find_trace(&tenant, TraceId(id))?;
        }
        Ok::<_, crate::store::StoreError>(())
    };
    if bench.interrupt.asked() {
        return Ok(None);
    }
    let (took, runs, ()) = repeat(bench.clock, bench.at_least, look).map_err(own_failure)?;
    let each = took.as_nanos() as f64 / LOOKUPS as f64;
    Ok(Some(case.figure(Unit::NsPerLookup, each, runs)))
}

/// Judges traces of one length by each kind of question.
fn of_trace(
    bench: &Bench<'_>,
    trace_spans: u32,
    spans: u64,
    rows: &mut Vec<Row>,
) -> Result<(), Failure> {
    let traces = (spans / u64::from(trace_spans)).max(1);
    let blocks: Vec<Block> = judge::blocks(traces, trace_spans, BLOCKS);
    for question in Question::ALONE {
        if bench.interrupt.asked() {
            return Ok(());
        }
        let rules = load(&bench.sandbox, &Question::source(&[question]))?;
        let natively = |block: &Block, _: usize| native::counts(question, block);
        let judged = judge::judged(bench, &blocks, &rules, 1, &natively)?;
        let name = format!("traces of {trace_spans}: judge {}", question.name());
        let case = case(PART, name, &rules, 1, &blocks);
        rows.push(case.judged(Unit::NsPerSpan, &judged));
    }
    Ok(())
}
