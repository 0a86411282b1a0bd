//! Compiles a pack in a process of its own.
//!
//! A compiler's time and memory are not bounded by the size of what it compiles: 32 KiB once took a minute
//! and 4 GiB. So the host runs its own binary again with [`COMPILE_PACK_ARG`], which limits itself before
//! it reads a byte: address space and processor time by `setrlimit`, while the parent watches the clock.
//! The pack goes in over standard input; the compiled code comes back over standard output, or a sentence
//! over standard error and status 1.
//!
//! Nothing that a user uploaded reaches `deserialize`: only what our own child wrote into our own pipe.

use std::{
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    sync::mpsc,
    thread,
};

use rustix::process::{Resource, Rlimit, setrlimit};
use wasmtime::{Engine, component::Component};

use super::{
    engine::compiling_engine,
    error::LoadError,
    limits::{
        COMPILE_CPU_SECONDS_MAX, COMPILE_MEMORY_BYTES_MAX, COMPILE_WALL_MAX, COMPILED_BYTES_MAX,
        PACK_BYTES_MAX,
    },
};

/// The hidden argument with which the binary compiles a pack from standard input to standard output.
pub const COMPILE_PACK_ARG: &str = "__compile-pack";

/// Where packs are compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackCompiler {
    /// In a child with limits: for everything that comes over a network.
    Child {
        /// A binary that hands [`COMPILE_PACK_ARG`] to [`compile_child`].
        program: PathBuf,
    },
    /// In this process, without limits of time and memory: for the user's own files in one-shot commands,
    /// and for tests.
    InProcess,
}

/// Compiles a pack that passed the pre-check.
pub(super) fn compile(
    engine: &Engine,
    compiler: &PackCompiler,
    pack: &[u8],
) -> Result<Component, LoadError> {
    match compiler {
        PackCompiler::InProcess => {
            Component::from_binary(engine, pack).map_err(|error| LoadError::Compile {
                what: chain(&error),
            })
        }
        PackCompiler::Child { program } => {
            let compiled = compile_in_child(program, pack)?;
            deserialize(engine, &compiled).map_err(|error| LoadError::Host {
                what: format!(
                    "what `{}` compiled does not load: {error:#}",
                    program.display()
                ),
            })
        }
    }
}

#[expect(
    unsafe_code,
    reason = "the one way to take compiled code from another process"
)]
fn deserialize(engine: &Engine, compiled: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `compiled` was written by `compile_child` in a child of this process, running a program that
    // the operator named, and came through a pipe that nobody else holds. wasmtime checks in addition that
    // its version and configuration are ours.
    unsafe { Component::deserialize(engine, compiled) }
}

fn compile_in_child(program: &Path, pack: &[u8]) -> Result<Vec<u8>, LoadError> {
    let host = |what: &str, error: &io::Error| LoadError::Host {
        what: format!("{what} `{}` for compiling: {error}", program.display()),
    };
    let mut child = Command::new(program)
        .arg(COMPILE_PACK_ARG)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| host("cannot start", &error))?;
    let talked = talk(&mut child, pack);
    if talked.is_err() {
        // It may have ended by itself.
        child.kill().ok();
    }
    let status = child.wait().map_err(|error| host("lost", &error))?;
    let Said { compiled, sentence } = talked?;
    if status.success() {
        if compiled.len() as u64 > COMPILED_BYTES_MAX {
            let what = format!("{} MiB of code", COMPILED_BYTES_MAX >> 20);
            return Err(LoadError::CompileLimit { what });
        }
        return Ok(compiled);
    }
    match status.code() {
        Some(1) if !sentence.is_empty() => Err(LoadError::Compile { what: sentence }),
        Some(_) => Err(LoadError::Host {
            what: format!("the compiling child ended with {status}"),
        }),
        // A signal: SIGXCPU or SIGKILL for time, SIGABRT where no memory is left.
        None => Err(LoadError::CompileLimit {
            what: format!(
                "{COMPILE_CPU_SECONDS_MAX} s of processor time or {} MiB of memory ({status})",
                COMPILE_MEMORY_BYTES_MAX >> 20
            ),
        }),
    }
}

/// What a child said.
struct Said {
    compiled: Vec<u8>,
    sentence: String,
}

/// Hands the pack to the child and takes what it says, for as long as it may take.
fn talk(child: &mut Child, pack: &[u8]) -> Result<Said, LoadError> {
    let (Some(mut stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        let what = "the compiling child has no pipes".into();
        return Err(LoadError::Host { what });
    };
    let (tx, rx) = mpsc::channel();
    thread::scope(|scope| {
        // A child that ends early closes its pipe; what it said tells why.
        scope.spawn(move || stdin.write_all(pack).ok());
        scope.spawn(move || {
            let mut sentence = Vec::new();
            let mut compiled = Vec::new();
            let read = stdout
                .take(COMPILED_BYTES_MAX + 1)
                .read_to_end(&mut compiled)
                .and_then(|_| stderr.take(4 << 10).read_to_end(&mut sentence));
            tx.send(read.map(|_| Said {
                compiled,
                sentence: String::from_utf8_lossy(&sentence).trim().to_owned(),
            }))
            .ok();
        });
        match rx.recv_timeout(COMPILE_WALL_MAX) {
            Ok(Ok(said)) => Ok(said),
            Ok(Err(error)) => Err(LoadError::Host {
                what: format!("the compiling child broke off: {error}"),
            }),
            Err(_) => {
                // Closes the pipes, so that both threads end.
                child.kill().ok();
                Err(LoadError::CompileLimit {
                    what: format!("{} s", COMPILE_WALL_MAX.as_secs()),
                })
            }
        }
    })
}

/// Is the compiling child: reads a pack from standard input and writes its code to standard output.
pub fn compile_child() -> ExitCode {
    match limit_self().and_then(|()| compile_stdin()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            // With standard error gone there is nobody left to tell.
            writeln!(io::stderr(), "{sentence}").ok();
            ExitCode::FAILURE
        }
    }
}

fn limit_self() -> Result<(), String> {
    let limits = [
        (Resource::As, COMPILE_MEMORY_BYTES_MAX),
        (Resource::Cpu, COMPILE_CPU_SECONDS_MAX),
        (Resource::Core, 0),
        // It opens no file; the pipes are open.
        (Resource::Fsize, 0),
    ];
    for (resource, most) in limits {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, limit).map_err(|error| format!("cannot limit itself: {error}"))?;
    }
    Ok(())
}

fn compile_stdin() -> Result<(), String> {
    let mut pack = Vec::new();
    io::stdin()
        .take(PACK_BYTES_MAX as u64 + 1)
        .read_to_end(&mut pack)
        .map_err(|error| format!("cannot read the pack: {error}"))?;
    let compiled = compiling_engine()
        .map_err(|error| error.to_string())?
        .precompile_component(&pack)
        .map_err(|error| chain(&error))?;
    io::stdout()
        .write_all(&compiled)
        .map_err(|error| format!("cannot write the code: {error}"))
}

fn chain(error: &wasmtime::Error) -> String {
    format!("{error:#}")
}
