//! The judge alone: a group of blocks in memory, their columns decoded, rule sets of one to a thousand rules, each rule a
//! pack of its own or all of them one pack.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::anyhow;
use betrace_dsl::Source;

use super::{
    Bench,
    measure::{Case, Judged, Row, Unit, repeat, spelled, with_cpu},
    native::{self, Counts},
    question::Variant,
    traces::TraceMaker,
};
use crate::{
    block::{Block, BlockBuilder, BlockError, Postings},
    cli::exit::Failure,
    judge::{BlockToJudge, JudgeError, JudgePlan, judge_blocks},
    live::BLOCK_SPANS_MAX,
    rules::PublishedRule,
    sandbox::Sandbox,
    tenant::TenantId,
    verdict::RuleVerdicts,
};

const PART: &str = "judge";

/// How many rules.
const RULES: [u64; 4] = [1, 10, 100, 1_000];

/// How long a run takes at least.
const RUN_TIME: Duration = Duration::from_millis(10);

/// Enough to see the batches of a call, and few enough for a thousand rules.
const BLOCKS: u64 = 8;

/// Measures the judge.
pub(super) fn run(bench: &Bench<'_>, traces: u64, rows: &mut Vec<Row>) -> Result<(), Failure> {
    let blocks = blocks(traces, super::traces::REQUEST_SPANS, BLOCKS);
    for n_rules in RULES {
        let numbers = 0..n_rules;
        let sources: Vec<String> = numbers.map(Variant::source).collect();
        let mut kinds = vec![("one pack", vec![sources.concat()])];
        if n_rules > 1 {
            kinds.push(("separate packs", sources));
        }
        for (kind, packs) in kinds {
            let mut rules = Vec::new();
            for source in packs {
                if bench.interrupt.asked() {
                    return Ok(());
                }
                rules.extend(load(&bench.sandbox, &source)?);
            }
            for threads in bench.thread_counts() {
                if bench.interrupt.asked() {
                    return Ok(());
                }
                let threads = threads.min(blocks.len());
                let question = |block: &Block, rule: usize| {
                    native::variant_counts(Variant::of(rule as u64), block)
                };
                let judged = judged(bench, &blocks, &rules, threads, &question)?;
                let name = match n_rules {
                    1 => "1 rule".to_owned(),
                    _ => format!("{n_rules} rules, {kind}"),
                };
                let case = case(PART, name, &rules, threads, &blocks);
                rows.push(case.judged(Unit::NsPerTrace, &judged));
            }
        }
    }
    Ok(())
}

/// Builds blocks of the first `traces` traces, as many as fit into `n_blocks`.
pub(super) fn blocks(traces: u64, spans_per_trace: u32, n_blocks: u64) -> Vec<Block> {
    let maker = TraceMaker::new(spans_per_trace);
    let per_block = (BLOCK_SPANS_MAX as u64 / u64::from(spans_per_trace)).max(1);
    let traces = traces.min(n_blocks * per_block);
    let mut blocks = Vec::new();
    let mut first = 0;
    while first < traces {
        let mut builder = BlockBuilder::new(TenantId::default_tenant());
        let end = traces.min(first + per_block);
        (first..end).for_each(|number| builder.push(maker.sealed(number)));
        blocks.push(builder.finish().to_block());
        first = end;
    }
    blocks
}

/// Compiles and loads rules of the bench.
pub(super) fn load(sandbox: &Sandbox, text: &str) -> Result<Vec<PublishedRule>, Failure> {
    let pack = sandbox.load(&compile(text)?);
    let pack = pack.map_err(|error| Failure::usage(anyhow::Error::new(error)))?;
    Ok(PublishedRule::all_of(&pack))
}

/// Compiles rules of the bench.
pub(super) fn compile(text: &str) -> Result<Vec<u8>, Failure> {
    let source = Source {
        name: "bench.btr",
        text: text.as_bytes(),
    };
    match betrace_dsl::compile(&source) {
        (Some(compiled), _) => Ok(compiled.component),
        (None, diagnostics) => Err(Failure::wrong(anyhow!(
            "a rule of the bench does not compile: {diagnostics:?}"
        ))),
    }
}

/// Describes what judging blocks by rules is a figure of.
pub(super) fn case(
    part: &'static str,
    name: String,
    rules: &[PublishedRule],
    threads: usize,
    blocks: &[Block],
) -> Case {
    let sum = |of: fn(&Block) -> u32| blocks.iter().map(|block| u64::from(of(block))).sum();
    Case {
        part,
        name,
        rules: rules.len() as u64,
        threads,
        traces: sum(|block| block.meta().n_traces),
        spans: sum(|block| block.meta().n_spans),
    }
}

/// Measures how long it takes to judge blocks, and how long native code takes. `question` answers for a rule by its
/// number.
pub(super) fn judged(
    bench: &Bench<'_>,
    blocks: &[Block],
    rules: &[PublishedRule],
    threads: usize,
    question: &(impl Fn(&Block, usize) -> Result<Counts, BlockError> + Sync),
) -> Result<Judged, Failure> {
    let of_block = |block: &Block| {
        let counts = (0..rules.len()).map(|rule| question(block, rule));
        counts.collect::<Result<Vec<Counts>, _>>()
    };
    let natively = |group: &&[Block]| group.iter().map(of_block).collect::<Result<Vec<_>, _>>();
    let sandbox = &*bench.sandbox;
    let in_sandbox = |group: &&[Block]| judge_group(sandbox, rules, group);
    let groups: Vec<&[Block]> = blocks
        .chunks(blocks.len().div_ceil(threads).max(1))
        .collect();
    // Decodes the columns, on both sides.
    let first = on_threads(threads, 1, &groups, &in_sandbox).map_err(own_failure)?;
    let expected = on_threads(threads, 1, &groups, &natively).map_err(own_failure)?;
    check(rules, &first.concat(), &expected.concat())?;
    let (took, cpu, runs) = time(bench, threads, &groups, &in_sandbox).map_err(own_failure)?;
    let (native, native_cpu, _) = time(bench, threads, &groups, &natively).map_err(own_failure)?;
    let mut counts = [0; 4];
    for of_rule in expected.iter().flatten().flatten() {
        add(&mut counts, of_rule);
    }
    Ok(Judged {
        took,
        cpu,
        runs,
        native,
        native_cpu,
        counts,
    })
}

/// Judges blocks together, as they are judged live and in a replay; returns the verdicts by block and rule.
fn judge_group(
    sandbox: &Sandbox,
    rules: &[PublishedRule],
    group: &[Block],
) -> Result<Vec<Vec<RuleVerdicts>>, JudgeError> {
    let plan = JudgePlan::new(rules);
    let skip = Postings::default();
    let of = |block| BlockToJudge {
        block,
        skip: &skip,
        known: &[],
    };
    let blocks: Vec<BlockToJudge<'_>> = group.iter().map(of).collect();
    let judged = judge_blocks(sandbox, &plan, &blocks)?;
    let of_each = blocks.iter().zip(judged);
    of_each
        .map(|(of, verdicts)| Ok(verdicts?.of_all(&plan, of)))
        .collect()
}

/// A failure of the machine, or of the bench itself.
pub(super) fn own_failure(error: impl std::error::Error + Send + Sync + 'static) -> Failure {
    Failure::usage(anyhow::Error::new(error))
}

/// Adds counts up.
pub(super) fn add(sum: &mut Counts, more: &Counts) {
    for (sum, more) in sum.iter_mut().zip(more) {
        *sum += more;
    }
}

/// Ends the bench where a rule says something else than native code.
fn check(
    rules: &[PublishedRule],
    judged: &[Vec<RuleVerdicts>],
    expected: &[Vec<Counts>],
) -> Result<(), Failure> {
    for (of_block, expected) in judged.iter().zip(expected) {
        for ((rule, verdicts), expected) in rules.iter().zip(of_block).zip(expected) {
            must_agree(rule.id.as_str(), verdicts.counts(&[]), *expected)?;
        }
    }
    Ok(())
}

/// Ends the bench where the sandbox and native code disagree.
pub(super) fn must_agree(rule: &str, judged: Counts, native: Counts) -> Result<(), Failure> {
    if judged == native {
        return Ok(());
    }
    Err(Failure::wrong(anyhow!(
        "the rule `{rule}` gives {}, and native code over the same columns {}",
        spelled(judged),
        spelled(native)
    )))
}

/// Measures how long something takes with all groups: wall time, processor time, number of runs. Short work is done
/// several times in a run, or the start of the threads would be most of what is measured.
fn time<G: Sync, T: Send, E: Send>(
    bench: &Bench<'_>,
    threads: usize,
    groups: &[G],
    work: &(impl Fn(&G) -> Result<T, E> + Sync),
) -> Result<(Duration, Option<Duration>, usize), E> {
    let before = bench.clock.monotonic();
    on_threads(1, 1, groups, work)?;
    let once = bench.clock.monotonic().saturating_sub(before);
    let rounds = RUN_TIME.as_nanos() / once.as_nanos().max(1) + 1;
    let rounds = u32::try_from(rounds).unwrap_or(u32::MAX);
    let run = || on_threads(threads, rounds, groups, work);
    let ((took, runs, _), cpu) = with_cpu(|| repeat(bench.clock, bench.at_least, run))?;
    let cpu = cpu.map(|cpu| cpu / rounds / runs as u32);
    Ok((took / rounds, cpu, runs))
}

/// Does something with each group so many times, on some threads. Returns the results in the order of the groups.
fn on_threads<G: Sync, T: Send, E: Send>(
    threads: usize,
    rounds: u32,
    groups: &[G],
    work: &(impl Fn(&G) -> Result<T, E> + Sync),
) -> Result<Vec<T>, E> {
    if threads <= 1 {
        for _ in 1..rounds {
            groups.iter().try_for_each(|group| work(group).map(drop))?;
        }
        return groups.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(groups.len()));
    let n_times = groups.len() * rounds as usize;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(group) = groups.get(at % groups.len()).filter(|_| at < n_times) else {
                        return;
                    };
                    let result = work(group);
                    if at < groups.len() || result.is_err() {
                        let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                        done.push((at, result));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}
