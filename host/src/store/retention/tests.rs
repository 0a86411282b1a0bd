//! Retention by the clock of the test: what goes, what stays, and that its space comes back.

use super::*;
use crate::{
    block::EncodedBlock,
    store::{
        Listing, Superseded,
        blocks::tests::{block, take_place, trace},
        judged::tests::judgement,
        tests::{TempStore, tenant},
    },
    trace::TraceId,
    verdict::Verdict,
};

const DAY: Duration = Duration::from_hours(24);
/// When the clock of a store begins.
const BEGIN: u64 = 1_700_000_000_000_000_000;
const HELD: &[Verdict] = &[Verdict::Held];

/// A block with one trace, which arrives and starts on a day.
fn of_day(name: &str, id: u8, day: u64) -> EncodedBlock {
    block(name, &[trace(id, at(day), &["A"])])
}

fn at(day: u64) -> u64 {
    BEGIN + day * DAY.as_nanos() as u64
}

fn judge(store: &Store, block: &EncodedBlock) {
    let verdicts = vec![Verdict::Held; block.meta.n_traces as usize];
    store
        .put_judged(&[judgement(block, &[("r", &verdicts)])])
        .unwrap();
}

fn put(store: &Store, block: &EncodedBlock, supersedes: Vec<Superseded>) {
    let listing = Listing {
        rule_set: 0,
        supersedes,
    };
    store.put_block(block, &listing).unwrap();
    judge(store, block);
}

/// Retains until nothing goes, and returns how many blocks went and how many files.
fn retain(store: &Store, age: Option<Duration>) -> (u64, u64) {
    let mut sum = (0, 0);
    loop {
        let retired = store.retain(age).unwrap();
        sum = (sum.0 + retired.blocks, sum.1 + retired.files);
        if retired == Retired::default() {
            return sum;
        }
    }
}

/// The traces that are found.
fn ids(store: &Store, name: &str) -> Vec<u8> {
    let found = |id: &u8| {
        let found = store.find_trace(&tenant(name), TraceId([*id; 16]));
        found.unwrap().is_some()
    };
    (1..=40).filter(found).collect()
}

/// A block a day, each day's in a file of its own.
fn days(temp: &TempStore, store: &Store, names: &[&str], n_days: u8) {
    for day in 0..n_days {
        for name in names {
            put(store, &of_day(name, day + 1, day.into()), vec![]);
        }
        temp.clock.advance(DAY);
    }
}

#[test]
fn blocks_go_when_their_last_span_is_too_old_and_their_files_with_them() {
    let temp = TempStore::new();
    let store = temp.open();
    days(&temp, &store, &["a"], 10);
    assert_eq!(retain(&store, None), (0, 0), "for ever, if nobody says");
    // The eleventh day begins: those of the first seven are older than three days, and the eighth is just as old.
    assert_eq!(retain(&store, Some(3 * DAY)), (7, 7));
    assert_eq!(ids(&store, "a"), [8, 9, 10]);
    temp.clock.advance(Duration::from_nanos(1));
    assert_eq!(retain(&store, Some(3 * DAY)), (1, 1));
    assert_eq!(ids(&store, "a"), [9, 10]);
    let there = |n: &u32| temp.path().join(format!("blocks-{n}.redb")).exists();
    assert_eq!((1..=12).filter(there).collect::<Vec<u32>>(), [9, 10]);
    // Coverage is about what was judged, not about what is still there.
    let cells = store.coverage_cells(&tenant("a"), None).unwrap();
    let held = cells.iter().map(|cell| cell.traces[Verdict::Held as usize]);
    assert_eq!(held.sum::<u64>(), 10);
    drop(store);
    let killed = temp.killed();
    let store = killed.open();
    assert!(store.damaged().is_empty());
    assert_eq!(ids(&store, "a"), [9, 10]);
}

#[test]
fn the_last_file_is_not_unlinked_and_numbers_are_not_used_again() {
    let temp = TempStore::new();
    let store = temp.open();
    days(&temp, &store, &["a"], 2);
    temp.clock.advance(9 * DAY);
    assert_eq!(retain(&store, Some(DAY)), (2, 1));
    let last = store.inner.block_files.current();
    assert_eq!((last, ids(&store, "a")), (Some(2), vec![]));
    drop(store);
    let store = temp.open();
    put(&store, &of_day("a", 9, 11), vec![]);
    let blocks = store.blocks(&tenant("a"));
    assert_eq!((blocks[0].entry.file, blocks[0].entry.seq), (3, 3));
    drop(blocks);
    assert_eq!(retain(&store, Some(DAY)), (0, 1), "the file of nobody");
    assert_eq!(ids(&store, "a"), [9]);
}

#[test]
fn each_tenant_keeps_as_long_and_as_much_as_its_limits_say() {
    let temp = TempStore::new();
    let store = temp.open();
    days(&temp, &store, &["a", "b", "c"], 10);
    let limit = |name: &str, limit, value| {
        let changes = [(limit, Some(value))];
        store.set_limits(&tenant(name), &changes).unwrap();
    };
    limit("b", Limit::StoredAge, 5 * DAY.as_secs());
    let one = store.blocks(&tenant("c"))[0].meta().size_bytes;
    limit("c", Limit::RetainedBytes, 2 * one);
    assert_eq!(retain(&store, Some(8 * DAY)), (2 + 5 + 8, 2));
    assert_eq!(ids(&store, "a").len(), 8);
    assert_eq!(ids(&store, "b"), [6, 7, 8, 9, 10]);
    assert_eq!(ids(&store, "c"), [9, 10], "those that arrived first go");
    assert_eq!(store.stored_bytes(&tenant("c")), 2 * one);
}

#[test]
fn a_hold_keeps_the_traces_that_start_in_it_and_no_others() {
    let temp = TempStore::new();
    let store = temp.open();
    days(&temp, &store, &["a", "b"], 6);
    temp.clock.advance(2 * DAY);
    let a = tenant("a");
    // T of the third and fourth day; it ends where the fifth begins.
    let hold = store
        .add_hold(&a, UnixNanos(at(2)), UnixNanos(at(4)), "who")
        .unwrap();
    assert_eq!(retain(&store, Some(DAY)).0, 4 + 6);
    assert_eq!((ids(&store, "a"), ids(&store, "b").len()), (vec![3, 4], 0));
    assert!(store.remove_hold(&a, hold.number).unwrap());
    assert_eq!(retain(&store, Some(DAY)).0, 2);
    assert!(ids(&store, "a").is_empty());
}

#[test]
fn what_is_not_judged_stays_and_what_an_unjudged_block_replaces_too() {
    let temp = TempStore::new();
    let store = temp.open();
    let (old, unjudged) = (
        of_day("a", 1, 0),
        block("a", &[trace(1, at(0), &["A", "late"])]),
    );
    put(&store, &old, vec![]);
    let listing = Listing {
        rule_set: 0,
        supersedes: vec![take_place(1, &old, 0)],
    };
    store.put_block(&unjudged, &listing).unwrap();
    temp.clock.advance(9 * DAY);
    assert_eq!(retain(&store, Some(DAY)).0, 0);
    judge(&store, &unjudged);
    assert_eq!(retain(&store, Some(DAY)).0, 2);
}

#[test]
fn rows_that_were_replaced_do_not_come_back_when_the_newer_block_is_older() {
    let temp = TempStore::new();
    let store = temp.open();
    // The older block has a trace that arrived late, so it goes later than the one that took a row of it.
    let old = block("a", &[trace(1, at(0), &["A"]), trace(2, at(5), &["A"])]);
    let new = block("a", &[trace(1, at(1), &["A", "late"])]);
    put(&store, &old, vec![]);
    put(&store, &new, vec![take_place(1, &old, 0)]);
    temp.clock.advance(5 * DAY);
    assert_eq!(retain(&store, Some(3 * DAY)).0, 0, "it waits for the other");
    temp.clock.advance(9 * DAY);
    assert_eq!(retain(&store, Some(3 * DAY)).0, 2);
    drop(store);
    assert!(ids(&temp.killed().open(), "a").is_empty());
}

#[test]
fn a_replay_reads_on_and_the_file_goes_when_it_is_done() {
    let temp = TempStore::new();
    let store = temp.open();
    days(&temp, &store, &["a"], 3);
    let pinned = store.blocks(&tenant("a"));
    assert_eq!(retain(&store, Some(DAY)), (2, 0), "they are being read");
    assert_eq!(ids(&store, "a"), [3], "and are gone for everybody else");
    for listed in &pinned {
        let block = store.open_block(listed).unwrap();
        assert_eq!(block.spans(0).unwrap().spans.len(), 1);
    }
    drop(pinned);
    assert_eq!(retain(&store, Some(DAY)), (0, 2));
}

#[test]
fn a_late_span_of_a_trace_that_retention_took_meanwhile_replaces_nothing() {
    let temp = TempStore::new();
    let store = temp.open();
    let old = of_day("a", 1, 0);
    put(&store, &old, vec![]);
    temp.clock.advance(9 * DAY);
    assert_eq!(retain(&store, Some(DAY)).0, 1);
    // Whoever sealed it looked before.
    put(&store, &of_day("a", 1, 9), vec![take_place(1, &old, 0)]);
    assert_eq!(ids(&store, "a"), [1]);
}

#[test]
fn one_commit_takes_so_many_blocks_and_a_kill_between_two_loses_nothing() {
    let temp = TempStore::new();
    let store = temp.open();
    let n_blocks = RETIRED_PER_COMMIT + 5;
    let blocks: Vec<EncodedBlock> = (0..n_blocks as u64)
        .map(|n| block("a", &[trace((n % 250) as u8 + 1, at(0) + n, &["A"])]))
        .collect();
    let listing = Listing::default();
    let all: Vec<_> = blocks.iter().map(|block| (block, &listing)).collect();
    store.put_blocks(&all).unwrap();
    let judged = blocks.iter().map(|b| judgement(b, &[("r", HELD)]));
    store.put_judged(&judged.collect::<Vec<_>>()).unwrap();
    temp.clock.advance(9 * DAY);
    let first = store.retain(Some(DAY)).unwrap();
    assert_eq!(first.blocks, RETIRED_PER_COMMIT as u64);
    drop(store);
    let killed = temp.killed();
    let store = killed.open();
    assert_eq!(store.blocks(&tenant("a")).len(), 5);
    assert_eq!(retain(&store, Some(DAY)).0, 5);
}

#[test]
fn the_space_of_what_went_is_used_again_in_the_file_that_is_written() {
    const HOUR: Duration = Duration::from_hours(1);
    let temp = TempStore::new();
    let store = temp.open();
    let fill = |store: &Store, hour: u64| {
        for id in 1..=40 {
            let names: Vec<String> = (0..200).map(|n| format!("{hour}-{id}-{n}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let start = BEGIN + hour * HOUR.as_nanos() as u64;
            put(store, &block("a", &[trace(id, start, &names)]), vec![]);
        }
        temp.clock.advance(2 * HOUR);
        let size = std::fs::metadata(temp.path().join("blocks-1.redb"));
        size.unwrap().len()
    };
    let first = fill(&store, 0);
    let mut last = first;
    for round in 1..8 {
        assert_eq!(retain(&store, Some(HOUR)).0, 40);
        last = fill(&store, 2 * round);
    }
    println!("{first} bytes once, {last} after eight times as much went through");
    assert!(last <= 2 * first, "{first} bytes became {last}");
}

/// Names of 200 spans that do not compress.
fn noise(seed: u8) -> Vec<String> {
    let mut state = u64::from(seed);
    let mut letter = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'a' + (state % 26) as u8)
    };
    (0..200)
        .map(|_| (0..1_200).map(&mut letter).collect())
        .collect()
}

#[test]
fn the_space_of_a_file_comes_back_though_one_tenant_keeps_what_it_has_there() {
    let temp = TempStore::new();
    let store = temp.open();
    let size = || -> u64 {
        let files = std::fs::read_dir(temp.path()).unwrap();
        let sizes = files.map(|file| {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            let size = file.metadata().unwrap().len();
            if name.starts_with("blocks-") { size } else { 0 }
        });
        sizes.sum()
    };
    // A file of some megabytes, of which `b` has a fortieth.
    for id in 1..=40 {
        let noise = noise(id);
        let noise: Vec<&str> = noise.iter().map(String::as_str).collect();
        let name = if id == 7 { "b" } else { "a" };
        put(&store, &block(name, &[trace(id, at(0), &noise)]), vec![]);
    }
    temp.clock.advance(DAY);
    put(&store, &of_day("b", 1, 1), vec![]);
    let limits = [(Limit::StoredAge, Some(100 * DAY.as_secs()))];
    store.set_limits(&tenant("b"), &limits).unwrap();
    let (full, of_b) = (size(), ids(&store, "b"));
    let kept = store.find_trace(&tenant("b"), TraceId([7; 16])).unwrap();
    let spans = |found: Option<(ListedBlock, u32)>| {
        let (listed, number) = found.unwrap();
        store.open_block(&listed).unwrap().spans(number).unwrap()
    };
    let before = spans(kept);
    let coverage = store.coverage_cells(&tenant("b"), None).unwrap();

    // While everything is listed, nothing moves.
    assert!(store.merge_sparse_of(0).unwrap().is_none());
    temp.clock.advance(3 * DAY);
    assert_eq!(retain(&store, Some(2 * DAY)), (39, 0));
    while let Some(merged) = store.merge_sparse_of(0).unwrap() {
        assert_eq!(store.put_merged(&merged).unwrap(), 1);
    }
    assert_eq!(
        retain(&store, Some(2 * DAY)),
        (0, 2),
        "nothing is left in either"
    );
    assert!(size() < full / 2, "{} of {full} bytes", size());
    assert_eq!(ids(&store, "b"), of_b);
    let kept = store.find_trace(&tenant("b"), TraceId([7; 16])).unwrap();
    assert_eq!(spans(kept), before);
    assert_eq!(store.coverage_cells(&tenant("b"), None).unwrap(), coverage);
    drop(store);
    let store = temp.killed().open();
    assert!(store.damaged().is_empty());
    assert_eq!(ids(&store, "b"), of_b);
}
