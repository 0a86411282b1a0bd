//! Components that were built against the contract 1.0.0 are loaded, and judge as they did.
//!
//! `tests/data/component-1.0.0` has them as they were built, with their hashes and what they must say. A change of the
//! contract that they do not survive is none that 1.x may make.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its components is to fail"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use betrace::{
    cli::test::{TestText, test_text},
    rule_id::Digest,
    sandbox::{PackCompiler, Sandbox, SandboxLimits},
};
use sha2::{Digest as _, Sha256};

const COMPONENTS: [&str; 2] = ["rust_rule", "vocabulary"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/component-1.0.0")
}

fn sandbox() -> Sandbox {
    Sandbox::new(PackCompiler::InProcess, SandboxLimits::default()).unwrap()
}

fn read(name: &str) -> Vec<u8> {
    fs::read(folder().join(name)).unwrap()
}

#[test]
fn the_components_are_those_that_were_built_then() {
    let sums = fs::read_to_string(folder().join("SHA256SUMS")).unwrap();
    let noted: BTreeSet<String> = sums.lines().map(str::to_owned).collect();
    let there = COMPONENTS.map(|name| {
        let file = format!("{name}.wasm");
        let digest = Digest(Sha256::digest(read(&file)).into()).to_string();
        let (_, hex) = digest.split_once(':').unwrap();
        format!("{hex}  {file}")
    });
    assert_eq!(noted, BTreeSet::from(there));
}

#[test]
fn what_was_uploaded_and_what_was_published_is_loaded() {
    for name in COMPONENTS {
        let bytes = read(&format!("{name}.wasm"));
        let uploaded = sandbox().load(&bytes).unwrap();
        let published = sandbox().load_published(&bytes).unwrap();
        assert_eq!(uploaded.rules(), published.rules(), "{name}");
    }
}

#[test]
fn each_rule_judges_as_it_did() {
    let sandbox = sandbox();
    for name in COMPONENTS {
        let path = folder().join(format!("{name}.test.toml"));
        let text = fs::read_to_string(&path).unwrap();
        let test = TestText {
            name,
            path: &path,
            text: &text,
            rules: None,
        };
        let report = test_text(&test, &sandbox);
        assert!(report.errors.is_empty(), "{:?}", report.errors);
        for case in &report.cases {
            assert!(case.passed, "{name}, {}: {:#?}", case.name, case.failures);
        }
        let pack = sandbox.load(&read(&format!("{name}.wasm"))).unwrap();
        for rule in pack.rules() {
            let expected = format!("{} = \"violated\"", rule.id);
            assert!(
                text.contains(&expected),
                "no case of {name} has `{expected}`"
            );
        }
    }
}
