//! The user's own rules over the user's own store: each file alone, and all of them in one pass. There is no native code
//! to compare with; what there is, is whatever else answers the same questions.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::{
    Bench,
    judge::own_failure,
    measure::{Case, Row, Unit, repeat, with_cpu},
    replay::replayed,
};
use crate::{
    cli::{exit::Failure, packs, source},
    rules::PublishedRule,
    store::Store,
    tenant::TenantId,
};

const PART: &str = "own";

/// Replays the rules of some files over the store of a folder.
pub(super) fn run(
    bench: &Bench<'_>,
    dir: &Path,
    files: &[PathBuf],
    rows: &mut Vec<Row>,
) -> Result<(), Failure> {
    let mut cases = Vec::new();
    for file in files {
        cases.push((file.display().to_string(), load(bench, file)?));
    }
    if cases.len() > 1 {
        let all = cases.iter().flat_map(|(_, rules)| rules.clone());
        cases.push(("all in one pass".to_owned(), all.collect()));
    }
    if !dir.is_dir() {
        let error = anyhow!("there is no store in `{}`", dir.display());
        return Err(Failure::usage(error).help("`betrace import` makes one"));
    }
    let clock = std::sync::Arc::new(crate::clock::SystemClock::new());
    let store = Store::open(dir, clock).map_err(own_failure)?;
    for (name, rules) in cases {
        for threads in bench.thread_counts() {
            if bench.interrupt.asked() {
                return Ok(());
            }
            rows.push(row(bench, &store, name.clone(), &rules, threads)?);
        }
    }
    Ok(())
}

fn load(bench: &Bench<'_>, file: &Path) -> Result<Vec<PublishedRule>, Failure> {
    let bytes = packs::read_file(file)?;
    let component = if packs::is_component(file, &bytes) {
        Some(bytes)
    } else {
        let deny = source::DenyArgs::default();
        source::compile(&packs::name(file), &bytes, deny, bench.console)
    };
    let component = component
        .ok_or_else(|| Failure::wrong(anyhow!("`{}` does not compile", file.display())))?;
    let pack = bench.sandbox.load(&component);
    let pack = pack.map_err(|error| Failure::wrong(anyhow::Error::new(error)))?;
    Ok(PublishedRule::all_of(&pack))
}

fn row(
    bench: &Bench<'_>,
    store: &Store,
    name: String,
    rules: &[PublishedRule],
    threads: usize,
) -> Result<Row, Failure> {
    let tenant = TenantId::default_tenant();
    let run = || replayed(bench, store, &tenant, rules, threads);
    // Warms the caches of the system.
    run().map_err(own_failure)?;
    let measured = with_cpu(|| repeat(bench.clock, bench.at_least, run)).map_err(own_failure)?;
    let ((took, runs, report), cpu) = measured;
    let case = Case {
        part: PART,
        name,
        rules: rules.len() as u64,
        threads,
        traces: report.traces,
        spans: report.spans,
    };
    let each = |seconds: f64| seconds * 1e9 / report.traces.max(1) as f64;
    let mut counts = [0; 4];
    for rule in &report.rules {
        super::judge::add(&mut counts, &rule.counts);
    }
    Ok(Row {
        cpu: cpu.map(|cpu| each(cpu.as_secs_f64() / runs as f64)),
        verdicts: Some(counts.into()),
        ..case.figure(Unit::NsPerTrace, each(took.as_secs_f64()), runs)
    })
}
