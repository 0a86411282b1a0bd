//! How long a source takes to become a component. Run with `cargo bench -p betrace-dsl`.
#![expect(
    clippy::expect_used,
    reason = "a bench of a source that does not compile is worth nothing"
)]

use betrace_dsl::{Compiled, Source, compile};
use divan::Bencher;

const HIPAA: &str = "// Signal: HIPAA_164_312_b_VIOLATION (critical)\ntrace.has(phi.access)\n  and not trace.has(audit.log)\n";
const AFTER_HOURS: &str = "trace.has(database.access).where(user.role == contractor)\n  and trace.has(database.access).where(timestamp.hour >= 18 or timestamp.hour <= 6)\n";

fn main() {
    divan::main();
}

fn compiled(text: &str) -> Compiled {
    let source = Source {
        name: "bench.btr",
        text: text.as_bytes(),
    };
    compile(&source).0.expect("the source is right")
}

#[divan::bench]
fn one_rule_of_two_names(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| compiled(divan::black_box(HIPAA)));
}

#[divan::bench]
fn one_rule_with_filters(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| compiled(divan::black_box(AFTER_HOURS)));
}

/// Patterns: a path, digits of all scripts, letters of all scripts, and what takes long.
#[divan::bench(args = ["^GET /admin/", "\\d+", "\\w+", "^[\\w.+-]+@[\\w-]+\\.[\\w.]+$"])]
fn one_rule_with_a_pattern(bencher: Bencher<'_, '_>, pattern: &str) {
    let text = format!("a.where(path matches \"{pattern}\")");
    bencher.bench_local(|| compiled(divan::black_box(&text)));
}

/// A file of many rules: the promise is 1,000 in under a second.
#[divan::bench(args = [10, 100, 1_000])]
fn rules_of_a_file(bencher: Bencher<'_, '_>, rules: usize) {
    let text = (0..rules).fold(String::new(), |text, n| text + &format!("rule r{n} {{ when {{ a{n}.where(role == x{n} and amount > {n}) }} always {{ count(b{n}) >= 2 or c }} }}\n"));
    bencher.bench_local(|| compiled(divan::black_box(&text)));
}
