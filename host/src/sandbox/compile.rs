//! Compiles a pack in a process of its own.
//!
//! A compiler's time and memory are not bounded by the size of what it compiles: 32 KiB once took a minute
//! and 4 GiB. So the host runs its own binary again with [`COMPILE_PACK_ARG`], which limits itself before
//! it reads a byte: address space and processor time (the next argument, in seconds) by `setrlimit`, while the parent
//! watches the clock.
//! The pack goes in over standard input; the compiled code comes back over standard output, or a sentence
//! over standard error, with status 1 where the pack does not compile and 2 where it is not valid. Any other end
//! tells which limit it met.
//!
//! The child validates too: to do so takes more than linear time in the size of the file.
//!
//! Nothing that a user uploaded reaches `deserialize`: only what our own child wrote into our own pipe.

use std::{
    env, fmt,
    io::{self, Read, Write},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use rustix::process::{Resource, Rlimit, Signal, setrlimit};
use wasmtime::{Engine, component::Component};

use super::{
    engine::compiling_engine,
    error::{LoadError, excerpt},
    limits::{
        COMPILE_CPU_SECONDS_MAX, COMPILE_MEMORY_BYTES_MAX, COMPILED_BYTES_MAX, PACK_BYTES_MAX,
    },
    precheck::validate,
};

/// The hidden argument with which the binary compiles a pack from standard input to standard output.
pub const COMPILE_PACK_ARG: &str = "__compile-pack";

/// How the child ends where the pack is not valid.
const NOT_VALID: u8 = 2;

/// How a Rust program ends that panicked.
const PANICKED: i32 = 101;

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

/// How long a child may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct CompileTime {
    pub(super) cpu_seconds: u64,
    pub(super) wall: Duration,
}

/// Validates and compiles a pack that passed the pre-check, within `time` where a child does it.
pub(super) fn compile(
    engine: &Engine,
    compiler: &PackCompiler,
    pack: &[u8],
    time: CompileTime,
) -> Result<Component, LoadError> {
    match compiler {
        PackCompiler::InProcess => {
            validate(pack)?;
            Component::from_binary(engine, pack).map_err(|error| LoadError::Compile {
                what: chain(&error),
            })
        }
        PackCompiler::Child { program } => {
            let compiled = compile_in_child(program, pack, time)?;
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

fn compile_in_child(program: &Path, pack: &[u8], time: CompileTime) -> Result<Vec<u8>, LoadError> {
    let host = |what: &str, error: &io::Error| LoadError::Host {
        what: format!("{what} `{}` for compiling: {error}", program.display()),
    };
    let mut child = Command::new(program)
        .arg(COMPILE_PACK_ARG)
        .arg(time.cpu_seconds.to_string())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| host("cannot start", &error))?;
    let talked = talk(&mut child, pack, time.wall);
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
    Err(why_it_ended(status, sentence, time.cpu_seconds))
}

/// Says what it means that the child ended without code.
fn why_it_ended(status: ExitStatus, sentence: String, cpu_seconds: u64) -> LoadError {
    if let Some(signal) = status.signal() {
        let memory = COMPILE_MEMORY_BYTES_MAX >> 20;
        let signal = Signal::from_named_raw(signal);
        let what = if signal == Some(Signal::XCPU) || signal == Some(Signal::KILL) {
            format!("{cpu_seconds} s of processor time")
        } else if signal == Some(Signal::ABORT) {
            format!("{memory} MiB of memory")
        } else {
            format!("the compiler's stack or {memory} MiB of memory ({status})")
        };
        return LoadError::CompileLimit { what };
    }
    match status.code() {
        Some(1) if !sentence.is_empty() => LoadError::Compile { what: sentence },
        Some(code) if code == i32::from(NOT_VALID) && !sentence.is_empty() => {
            LoadError::Invalid { what: sentence }
        }
        Some(PANICKED) => LoadError::Compile {
            what: "the compiler gave up on it".into(),
        },
        Some(_) | None => LoadError::Host {
            what: format!("the compiling child ended with {status}"),
        },
    }
}

/// What a child said.
struct Said {
    compiled: Vec<u8>,
    sentence: String,
}

/// Hands the pack to the child and takes what it says, for as long as it may take.
fn talk(child: &mut Child, pack: &[u8], wall: Duration) -> Result<Said, LoadError> {
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
                sentence: excerpt(String::from_utf8_lossy(&sentence).trim()),
            }))
            .ok();
        });
        match rx.recv_timeout(wall) {
            Ok(Ok(said)) => Ok(said),
            Ok(Err(error)) => Err(LoadError::Host {
                what: format!("the compiling child broke off: {error}"),
            }),
            Err(_) => {
                // Closes the pipes, so that both threads end.
                child.kill().ok();
                Err(LoadError::CompileLimit {
                    what: format!("{} ms", wall.as_millis()),
                })
            }
        }
    })
}

/// Is the compiling child: reads a pack from standard input and writes its code to standard output.
pub fn compile_child() -> ExitCode {
    let error = match limit_self().and_then(|()| compile_stdin()) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(error) => error,
    };
    let (status, sentence) = if let LoadError::Invalid { what } = error {
        (ExitCode::from(NOT_VALID), what)
    } else if let LoadError::Compile { what } = error {
        (ExitCode::FAILURE, what)
    } else {
        (ExitCode::FAILURE, error.to_string())
    };
    // With standard error gone there is nobody left to tell.
    writeln!(io::stderr(), "{sentence}").ok();
    status
}

fn limit_self() -> Result<(), LoadError> {
    let seconds = env::args().nth(2).and_then(|arg| arg.parse().ok());
    let limits = [
        (Resource::As, COMPILE_MEMORY_BYTES_MAX),
        (Resource::Cpu, seconds.unwrap_or(COMPILE_CPU_SECONDS_MAX)),
        (Resource::Core, 0),
        // It opens no file; the pipes are open.
        (Resource::Fsize, 0),
    ];
    for (resource, most) in limits {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, limit).map_err(|error| does_not("limit itself", &error))?;
    }
    Ok(())
}

fn compile_stdin() -> Result<(), LoadError> {
    let mut pack = Vec::new();
    io::stdin()
        .take(PACK_BYTES_MAX as u64 + 1)
        .read_to_end(&mut pack)
        .map_err(|error| does_not("read the pack", &error))?;
    validate(&pack)?;
    let compiled = compiling_engine()
        .map_err(|error| does_not("compile", &error))?
        .precompile_component(&pack)
        .map_err(|error| LoadError::Compile {
            what: chain(&error),
        })?;
    io::stdout()
        .write_all(&compiled)
        .map_err(|error| does_not("write the code", &error))
}

fn does_not(what: &str, error: &impl fmt::Display) -> LoadError {
    LoadError::Compile {
        what: format!("the compiling child cannot {what}: {error}"),
    }
}

fn chain(error: &wasmtime::Error) -> String {
    excerpt(&format!("{error:#}"))
}
