//! How long loading may take. A compiler that is a script stands in for one that hangs.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    time::Duration,
};

use tempfile::TempDir;

use super::*;
use crate::{
    clock::Clock as _,
    sandbox::limits::{
        COMPILE_AGAIN_TIMES, COMPILE_CPU_SECONDS_MAX, COMPILE_WALL_MAX, LOAD_WALL_MAX,
        TRIAL_WALL_MAX,
    },
};

/// A program that never answers.
fn hanging(dir: &TempDir) -> PathBuf {
    script(dir, "exec sleep 60")
}

fn script(dir: &TempDir, line: &str) -> PathBuf {
    let program = dir.path().join("compiler");
    fs::write(&program, format!("#!/bin/sh\n{line}\n")).unwrap();
    fs::set_permissions(&program, Permissions::from_mode(0o700)).unwrap();
    program
}

fn waiting(dir: &TempDir, compiles_max: u32) -> Sandbox {
    let limits = SandboxLimits {
        instances_max: 1,
        compiles_max,
        ..SandboxLimits::default()
    };
    let program = hanging(dir);
    Sandbox::new(PackCompiler::Child { program }, limits).unwrap()
}

fn time(wall: Duration) -> compile::CompileTime {
    compile::CompileTime {
        cpu_seconds: COMPILE_CPU_SECONDS_MAX,
        wall,
    }
}

#[test]
fn compile_wall_max_obeyed() {
    let engine = engine::compiling_engine().unwrap();
    let bytes = Guest::default().build();
    let compiler = PackCompiler::InProcess;
    assert!(compile::compile(&engine, &compiler, &bytes, time(COMPILE_WALL_MAX)).is_ok());
}

#[test]
fn compile_wall_max_exceeded() {
    let dir = TempDir::new().unwrap();
    let engine = engine::compiling_engine().unwrap();
    let compiler = PackCompiler::Child {
        program: hanging(&dir),
    };
    let bytes = Guest::default().build();
    let time = time(Duration::from_millis(50));
    let compiled = compile::compile(&engine, &compiler, &bytes, time);
    let Err(LoadError::CompileLimit { what }) = compiled else {
        panic!("it compiled")
    };
    assert_eq!(what, "50 ms");
}

#[test]
fn compiled_bytes_max_exceeded() {
    let dir = TempDir::new().unwrap();
    let engine = engine::compiling_engine().unwrap();
    let compiler = PackCompiler::Child {
        program: script(&dir, "exec head -c 67108865 /dev/zero"),
    };
    let compiled = compile::compile(
        &engine,
        &compiler,
        &Guest::default().build(),
        time(COMPILE_WALL_MAX),
    );
    let Err(LoadError::CompileLimit { what }) = compiled else {
        panic!("it compiled")
    };
    assert_eq!(what, "64 MiB of code");
}

#[test]
fn load_wall_max_obeyed() {
    let sandbox = sandbox();
    let begun = sandbox.clock.monotonic();
    sandbox.load(&Guest::default().build()).unwrap();
    assert!(sandbox.clock.monotonic() < begun + LOAD_WALL_MAX);
}

#[test]
fn compiles_max_obeyed() {
    // Two at a time, and two come: both are compiled at once, and neither is told to come again.
    let limits = SandboxLimits {
        instances_max: 2,
        compiles_max: 2,
        ..SandboxLimits::default()
    };
    let sandbox = Sandbox::new(PackCompiler::InProcess, limits).unwrap();
    std::thread::scope(|scope| {
        let loads = ["a", "b"].map(|id| {
            let guest = Guest {
                rules: vec![rule(id)],
                ..Guest::default()
            };
            let sandbox = &sandbox;
            scope.spawn(move || sandbox.load(&guest.build()).map(|_| ()))
        });
        for load in loads {
            load.join().unwrap().unwrap();
        }
    });
}

/// Two uploads, one place, a compiler that hangs: one is told which limit it met, the other to come again, and both
/// within the time that an upload may wait.
#[test]
fn load_wall_max_exceeded() {
    let dir = TempDir::new().unwrap();
    let sandbox = waiting(&dir, 1);
    let begun = sandbox.clock.monotonic();
    let errors = std::thread::scope(|scope| {
        let loads = ["a", "b"].map(|id| {
            let guest = Guest {
                rules: vec![rule(id)],
                ..Guest::default()
            };
            let sandbox = &sandbox;
            scope.spawn(move || sandbox.load(&guest.build()).unwrap_err().to_string())
        });
        loads.map(|load| load.join().unwrap())
    });
    assert!(sandbox.clock.monotonic() < begun + LOAD_WALL_MAX);
    let says = |text: &str| errors.iter().any(|error| error.contains(text));
    assert!(says("compiling it takes more than"), "{errors:?}");
    assert!(
        says("1 packs are being compiled, as many as may be at a time; try again"),
        "{errors:?}"
    );
}

#[test]
fn compiles_max_exceeded() {
    let turnstile = Turnstile::new(1);
    let entered = turnstile.enter(|| turnstile.enter_within(Duration::from_millis(1), || ()));
    assert_eq!(entered, None);
    assert_eq!(turnstile.enter_within(Duration::ZERO, || ()), Some(()));
}

/// A pack of many rules, each of which goes round so often for each call.
fn slow(n_rules: usize, n_rounds: u64) -> Guest {
    Guest {
        rules: (0..n_rules).map(|n| rule(&format!("r{n}"))).collect(),
        evaluate: format!(
            "(local $i i64) (local.set $i (i64.const {n_rounds}))
             (loop $l (br_if $l (i64.ne (local.tee $i (i64.sub (local.get $i) (i64.const 1))) (i64.const 0))))
             {ALWAYS_0}"
        ),
        ..Guest::default()
    }
}

#[test]
fn trial_wall_max_obeyed() {
    load(&slow(64, 10_000)).unwrap();
}

#[test]
fn trial_wall_max_exceeded() {
    let sandbox = sandbox();
    let bytes = slow(4_096, 6_000_000).build();
    let begun = sandbox.clock.monotonic();
    let error = sandbox.load(&bytes).unwrap_err().to_string();
    assert!(error.contains("take more than 1500 ms"), "{error}");
    assert!(sandbox.clock.monotonic() < begun + TRIAL_WALL_MAX * 4);
}

/// A sandbox whose compiler says how many seconds it is given.
fn telling(dir: &TempDir) -> Sandbox {
    let program = script(dir, "echo \"it has $2 s\" >&2; exit 1");
    let limits = SandboxLimits {
        instances_max: 1,
        ..SandboxLimits::default()
    };
    Sandbox::new(PackCompiler::Child { program }, limits).unwrap()
}

#[test]
fn compile_again_times_obeyed() {
    let dir = TempDir::new().unwrap();
    let error = telling(&dir).load_published(&Guest::default().build());
    let seconds = COMPILE_CPU_SECONDS_MAX * u64::from(COMPILE_AGAIN_TIMES);
    let expected = format!("it does not compile: it has {seconds} s");
    assert_eq!(error.unwrap_err().to_string(), expected);
}

#[test]
fn compile_again_times_exceeded() {
    // What was not published yet has the time of an upload.
    let dir = TempDir::new().unwrap();
    let error = telling(&dir).load(&Guest::default().build());
    let expected = format!("it does not compile: it has {COMPILE_CPU_SECONDS_MAX} s");
    assert_eq!(error.unwrap_err().to_string(), expected);
}

/// A rule of a kind that no trial passes, as a host of another version may have published it.
#[test]
fn a_pack_that_was_published_is_not_tried_again() {
    let company = Guest {
        evaluate: "(call $answer (local.get $n_rules) (local.get $traces) (i32.gt_u (local.get $traces) (i32.const 1)))".into(),
        ..Guest::default()
    };
    let bytes = company.build();
    let sandbox = sandbox();
    assert!(matches!(
        sandbox.load(&bytes),
        Err(LoadError::Stateful { .. })
    ));
    assert!(sandbox.load_published(&bytes).is_ok());
}
