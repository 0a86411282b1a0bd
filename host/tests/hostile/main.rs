//! Components that somebody made to do harm, and what must come of each: a refusal that says why, or a fault of its
//! kind on the rule that misbehaves and on nothing else.
//!
//! | what goes wrong | file |
//! |---|---|
//! | the file is no component, or a damaged one | `files` |
//! | it is one, and no pack: imports, exports, shapes, counts | `shapes` |
//! | it fails before it is published: starting, describing itself, on trial | `loading` |
//! | it waits until it judges: loops, bombs, lies | `judging` |
//! | its verdicts hang on what stands beside a trace | `stateful` |
//! | what refusing costs the host | `growth` |
//!
//! Each file is a table; `named` counts them all.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "clippy knows a test by its attribute, and so not what the test calls"
)]
#![expect(
    clippy::too_many_lines,
    clippy::format_collect,
    reason = "tables of cases, each a piece of text"
)]
mod files;
mod growth;
mod judging;
mod loading;
mod make;
mod shapes;
mod stateful;
mod timing;

#[path = "../../src/guest.rs"]
mod guest;

use std::{collections::BTreeSet, sync::LazyLock};

use betrace::sandbox::{LoadError, PackCompiler, Sandbox, SandboxLimits};

/// The fewest components that this suite is to hold.
const COMPONENTS_MIN: usize = 120;

/// A component that must not be loaded.
struct Refused {
    name: &'static str,
    bytes: Vec<u8>,
    /// What the sentence says.
    because: &'static str,
}

fn refused(name: &'static str, bytes: Vec<u8>, because: &'static str) -> Refused {
    Refused {
        name,
        bytes,
        because,
    }
}

/// A sandbox as a server has it, but with little fuel: spending all of it is quick.
fn sandbox() -> &'static Sandbox {
    static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| {
        let compiler = PackCompiler::Child {
            program: env!("CARGO_BIN_EXE_betrace").into(),
        };
        Sandbox::new(compiler, limits()).unwrap()
    });
    &SANDBOX
}

fn limits() -> SandboxLimits {
    SandboxLimits {
        instances_max: 4,
        fuel_per_span: 64,
        ..SandboxLimits::default()
    }
}

/// Loads what must not load, and returns the sentence.
fn refusal(bytes: &[u8]) -> Result<String, String> {
    match sandbox().load(bytes) {
        Err(LoadError::Host { what }) => Err(format!("the host is blamed: {what}")),
        Err(error) => Ok(error.to_string()),
        Ok(_) => Err("it was loaded".into()),
    }
}

fn check_refused(cases: Vec<Refused>) {
    let mut wrong = Vec::new();
    for case in cases {
        match refusal(&case.bytes) {
            Ok(sentence) if !sentence.contains(case.because) => {
                wrong.push(format!(
                    "{}: `{sentence}` does not say `{}`",
                    case.name, case.because
                ));
            }
            // A sentence is one line that a terminal and a log can bear.
            Ok(sentence)
                if sentence.len() > 1_000
                    || sentence.chars().any(|c| c.is_control() && c != '\n') =>
            {
                wrong.push(format!("{}: {sentence:?}", case.name));
            }
            Ok(_) => {}
            Err(what) => wrong.push(format!("{}: {what}", case.name)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_hostile_component_has_a_name_of_its_own_and_there_are_enough() {
    let tables = [
        files::cases(),
        shapes::of_components(),
        shapes::of_modules(),
        loading::cases(),
        stateful::refused_cases(),
    ];
    let refused = tables.iter().flatten().map(|case| case.name);
    let judged = judging::cases().into_iter().map(|case| case.name);
    let names: Vec<&str> = refused.chain(judged).collect();
    let different: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(names.len(), different.len());
    println!("{} hostile components", names.len());
    assert!(names.len() >= COMPONENTS_MIN, "{}", names.len());
}
