//! Replays of the stored traces, warm: each question alone, and ten rules in one pass.

use std::{
    ops::ControlFlow,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{
    Bench,
    judge::{add, load, must_agree, own_failure},
    made::Made,
    measure::{Case, Judged, Row, Unit, median, repeat, with_cpu},
    native::{self, Counts},
    question::Question,
};
use crate::{
    block::BlockError,
    cli::exit::Failure,
    replay::{ReplayError, ReplayOptions, Replayed, Replaying, replay},
    rules::PublishedRule,
    store::{Store, StoreError},
    tenant::TenantId,
};

const PART: &str = "replay";

/// How often native code is run over a block's columns, of which the median counts.
const NATIVE_RUNS: usize = 3;

/// Measures replays.
pub(super) fn run(bench: &Bench<'_>, made: &Made, rows: &mut Vec<Row>) -> Result<(), Failure> {
    let alone = Question::ALONE.map(|question| (question.name(), vec![question]));
    let together = ("ten in one pass", Question::ALL.to_vec());
    for (name, questions) in alone.into_iter().chain([together]) {
        for threads in bench.thread_counts() {
            if let Some(judged) = judged(bench, made, &questions, threads)? {
                let case = case(PART, name.to_owned(), &questions, threads, made);
                rows.push(case.judged(Unit::NsPerTrace, &judged));
            }
        }
    }
    Ok(())
}

/// Describes what a replay of the whole store is a figure of.
pub(super) fn case(
    part: &'static str,
    name: String,
    questions: &[Question],
    threads: usize,
    made: &Made,
) -> Case {
    Case {
        part,
        name,
        rules: questions.len() as u64,
        threads,
        traces: made.parameters.traces,
        spans: made.parameters.spans(),
    }
}

/// Measures how long the replay of some questions takes; `None` where the user wants it to end.
pub(super) fn judged(
    bench: &Bench<'_>,
    made: &Made,
    questions: &[Question],
    threads: usize,
) -> Result<Option<Judged>, Failure> {
    let rules = load(&bench.sandbox, &Question::source(questions))?;
    // The first warms the caches of the system.
    let tenant = TenantId::default_tenant();
    let run = || replayed(bench, &made.store, &tenant, &rules, threads);
    let first = run().map_err(own_failure)?;
    if bench.interrupt.asked() {
        return Ok(None);
    }
    let measured = with_cpu(|| repeat(bench.clock, bench.at_least, run)).map_err(own_failure)?;
    let ((took, runs, _), cpu) = measured;
    let Some((native, expected)) = natively(bench, made, questions, threads)? else {
        return Ok(None);
    };
    if let Some(unreadable) = first.unreadable.first() {
        return Err(Failure::wrong(anyhow::anyhow!(unreadable.clone())));
    }
    let mut counts = [0; 4];
    for (rule, expected) in first.rules.iter().zip(&expected) {
        must_agree(rule.id.as_str(), rule.counts, *expected)?;
        add(&mut counts, expected);
    }
    Ok(Some(Judged {
        took,
        cpu: cpu.map(|cpu| cpu / runs as u32),
        runs,
        native: native / threads.max(1) as u32,
        native_cpu: Some(native),
        counts,
    }))
}

/// Replays once.
pub(super) fn replayed(
    bench: &Bench<'_>,
    store: &Store,
    tenant: &TenantId,
    rules: &[PublishedRule],
    threads: usize,
) -> Result<Replayed, ReplayError> {
    let with = Replaying {
        store,
        sandbox: &bench.sandbox,
        clock: bench.clock,
    };
    let options = ReplayOptions {
        from: None,
        to: None,
        threads,
    };
    let going_on = &mut |_| {
        if bench.interrupt.asked() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    replay(with, tenant, rules, options, going_on)
}

/// Why native code has no answer.
#[derive(Debug, thiserror::Error)]
enum NativeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Block(#[from] BlockError),
}

/// Answers the questions natively, block after block. Only the answering counts as time, not the reading and decoding;
/// the times of all threads are added up.
fn natively(
    bench: &Bench<'_>,
    made: &Made,
    questions: &[Question],
    threads: usize,
) -> Result<Option<(Duration, Vec<Counts>)>, Failure> {
    let blocks = made.store.blocks(&TenantId::default_tenant());
    let (clock, interrupt, store) = (bench.clock, &bench.interrupt, &made.store);
    let next = AtomicUsize::new(0);
    let sum = Mutex::new((Duration::ZERO, vec![[0; 4]; questions.len()]));
    let of_thread = || -> Result<(), NativeError> {
        while let Some(listed) = blocks.get(next.fetch_add(1, Ordering::Relaxed)) {
            if interrupt.asked() {
                break;
            }
            let block = store.open_block(listed)?;
            let mut times = [Duration::ZERO; NATIVE_RUNS];
            let mut counts: Vec<Counts> = Vec::new();
            // The first run decodes, and is not timed.
            for run in 0..=NATIVE_RUNS {
                let before = clock.monotonic();
                let of_each = questions.iter().map(|of| native::counts(*of, &block));
                counts = of_each.collect::<Result<_, _>>()?;
                let took = clock.monotonic().saturating_sub(before);
                if let Some(time) = run.checked_sub(1).and_then(|run| times.get_mut(run)) {
                    *time = took;
                }
            }
            let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
            sum.0 += median(&mut times);
            sum.1
                .iter_mut()
                .zip(&counts)
                .for_each(|(sum, more)| add(sum, more));
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(of_thread)).collect();
        threads.into_iter().try_for_each(|thread| {
            let ended = thread.join();
            ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })
    .map_err(own_failure)?;
    if bench.interrupt.asked() {
        return Ok(None);
    }
    let (time, counts) = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Some((time, counts)))
}
