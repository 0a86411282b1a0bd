//! Each limit has a test that keeps to it and a test that crosses it.

/// Where such tests are: of packs and calls here, of what a call holds in the judge, of compiling with the binary.
const TESTS: [&str; 6] = [
    include_str!("../tests.rs"),
    include_str!("limits_of_packs.rs"),
    include_str!("limits_of_calls.rs"),
    include_str!("limits_of_time.rs"),
    include_str!("../../judge/tests/calls.rs"),
    include_str!("../../../tests/compile_child.rs"),
];

/// Constants that nothing can cross.
const NO_LIMITS: [(&str, &str); 4] = [
    ("EPOCH_TICK", "how often others are let past"),
    ("EPOCH_ROUND", "how exact deadlines are"),
    ("KEEP_RESIDENT_BYTES", "what is kept for the next call"),
    (
        "VERDICTS_PER_CALL_MAX",
        "follows from two others, asserted where it stands",
    ),
];

#[test]
fn every_limit_has_a_test_that_keeps_to_it_and_one_that_crosses_it() {
    let limits: Vec<&str> = include_str!("../limits.rs")
        .lines()
        .filter_map(|line| {
            let of_process = line.strip_prefix("    pub ");
            let named = line.strip_prefix("pub const ").or(of_process)?;
            let (name, _) = named.split_once(':')?;
            (!name.contains(' ')).then_some(name)
        })
        .collect();
    assert!(limits.len() > 40, "{limits:?}");
    let mut missing = Vec::new();
    for limit in limits {
        if NO_LIMITS.iter().any(|(name, _)| *name == limit) {
            continue;
        }
        for end in ["obeyed", "exceeded"] {
            let name = format!("{}_{end}", limit.to_lowercase());
            let is_test = |text: &&str| {
                text.contains(&format!("fn {name}()")) || text.contains(&format!("    {name},"))
            };
            if !TESTS.iter().any(is_test) {
                missing.push(name);
            }
        }
    }
    assert!(missing.is_empty(), "no test is called {missing:?}");
}
