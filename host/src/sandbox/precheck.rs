//! Looks at the bytes of a pack before anything expensive does.
//!
//! Two passes over the binary with wasmparser. The first reads its structure and refuses, with a sentence
//! for the author, whatever a pack has no use for; it counts after expansion, since a few bytes may
//! declare 50,000 locals. The second validates. Neither compiles nor runs anything, and both are linear in
//! the size of the file, which is capped first.
//!
//! What `wit-component` makes of one module without imports passes: one core module, one
//! instance of it, functions lifted from it, and a nested component of types alone that gives the exported
//! interface its names.

use wasmparser::{
    BinaryReaderError, CanonicalFunction, CanonicalOption, ComponentExport, ComponentImport,
    Encoding, FunctionBody, Instance, MemoryType, Parser, Payload, Validator, WasmFeatures,
};

use super::{
    error::LoadError,
    limits::{FUNCTIONS_MAX, LOCALS_MAX, MEMORY_BYTES_MAX, PACK_BYTES_MAX, TABLE_ELEMENTS_MAX},
};

/// The interface that a pack exports.
pub(super) const PACK_INTERFACE: &str = "betrace:rules/pack@1.0.0";
/// What stands before the version in [`PACK_INTERFACE`].
const PACK_NAME: &str = "betrace:rules/pack@";

/// Refuses what is not, by its structure, a pack.
pub(super) fn precheck(bytes: &[u8]) -> Result<(), LoadError> {
    if bytes.len() > PACK_BYTES_MAX {
        return Err(LoadError::TooLarge { bytes: bytes.len() });
    }
    check_header(bytes)?;
    let mut shape = Shape::default();
    for payload in Parser::new(0).parse_all(bytes) {
        shape.check(&payload.map_err(|error| unreadable(&error, bytes.len()))?)?;
    }
    Validator::new_with_features(features())
        .validate_all(bytes)
        .map_err(|error| unreadable(&error, bytes.len()))?;
    shape.finish()
}

/// What exists in WebAssembly for a guest: as in the engine's configuration.
fn features() -> WasmFeatures {
    WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::SIMD
        | WasmFeatures::FLOATS
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::COMPONENT_MODEL
}

fn check_header(bytes: &[u8]) -> Result<(), LoadError> {
    let Some(header) = bytes.get(..8) else {
        return Err(
            if b"\0asm".starts_with(bytes) || bytes.starts_with(b"\0asm") {
                LoadError::Truncated {
                    offset: bytes.len() as u64,
                }
            } else {
                LoadError::NotWasm {
                    what: "the file has less than 8 bytes",
                }
            },
        );
    };
    match header {
        [0, b'a', b's', b'm', 1, 0, 0, 0] => Err(LoadError::CoreModule),
        [0, b'a', b's', b'm', ..] => Ok(()),
        [0x7f, b'E', b'L', b'F', ..] => Err(LoadError::NotWasm {
            what: "an ELF executable or library; build for `wasm32-unknown-unknown`",
        }),
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => Err(LoadError::NotWasm {
            what: "a compressed file; decompress it first",
        }),
        [b'P', b'K', 3, 4, ..] => Err(LoadError::NotWasm {
            what: "a zip archive",
        }),
        _ if std::str::from_utf8(bytes).is_ok() => Err(LoadError::NotWasm {
            what: "text; rules in the rule language are files that end in `.btr`",
        }),
        _ => Err(LoadError::NotWasm {
            what: "it does not begin with `\\0asm`",
        }),
    }
}

fn unreadable(error: &BinaryReaderError, len: usize) -> LoadError {
    let offset = error.offset() as u64;
    // wasmparser counts from the start of the file, and reports the end where bytes are wanting.
    if error.offset() >= len || error.message().contains("unexpected end") {
        return LoadError::Truncated { offset: len as u64 };
    }
    LoadError::Invalid {
        what: error.message().to_owned(),
        offset,
    }
}

/// What has been seen of a component so far.
#[derive(Default)]
struct Shape {
    /// The encodings of the binaries that are open, outermost first.
    open: Vec<Encoding>,
    modules: u32,
    instances: u32,
    functions: u32,
    locals: u64,
    exports: Vec<String>,
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "sections without a say in the shape of a pack are the validator's"
)]
impl Shape {
    fn check(&mut self, payload: &Payload<'_>) -> Result<(), LoadError> {
        match payload {
            Payload::Version { encoding, .. } => self.open.push(*encoding),
            Payload::End(_) => {
                self.open.pop();
            }
            Payload::ModuleSection { .. } => {
                self.outermost_only("holds a module inside a nested component")?;
                self.modules += 1;
                if self.modules > 1 {
                    return shape("holds more than one core module");
                }
            }
            Payload::InstanceSection(section) => {
                self.outermost_only("instantiates inside a nested component")?;
                for instance in section.clone() {
                    let instance = instance.map_err(|error| invalid(&error))?;
                    self.check_instance(&instance)?;
                }
            }
            Payload::ComponentSection { .. } if self.open.len() > 1 => {
                return shape("nests components in components");
            }
            Payload::ComponentCanonicalSection(section) => {
                self.outermost_only("lifts functions inside a nested component")?;
                for function in section.clone() {
                    check_canonical(&function.map_err(|error| invalid(&error))?)?;
                }
            }
            Payload::ComponentStartSection { .. } => return shape("runs a start function"),
            Payload::ComponentImportSection(section) if self.open.len() == 1 => {
                if let Some(import) = section.clone().into_iter().next() {
                    return Err(refuse_import(&import.map_err(|error| invalid(&error))?));
                }
            }
            Payload::ComponentExportSection(section) if self.open.len() == 1 => {
                for export in section.clone() {
                    let ComponentExport { name, .. } = export.map_err(|error| invalid(&error))?;
                    self.exports.push(name.name.to_owned());
                }
            }
            payload => self.check_module(payload)?,
        }
        Ok(())
    }

    /// Checks a section of the core module.
    fn check_module(&mut self, payload: &Payload<'_>) -> Result<(), LoadError> {
        match payload {
            Payload::ImportSection(section) => {
                if let Some(import) = section.clone().into_imports().next() {
                    let import = import.map_err(|error| invalid(&error))?;
                    let name = format!("{} {}", import.module, import.name);
                    return Err(LoadError::Import { name });
                }
            }
            Payload::FunctionSection(section) => {
                self.functions = self.functions.saturating_add(section.count());
                if self.functions > FUNCTIONS_MAX {
                    return shape(&format!("has more than {FUNCTIONS_MAX} functions"));
                }
            }
            Payload::MemorySection(section) => {
                if section.count() > 1 {
                    return shape("has more than one memory");
                }
                for memory in section.clone() {
                    check_memory(&memory.map_err(|error| invalid(&error))?)?;
                }
            }
            Payload::TableSection(section) => {
                if section.count() > 1 {
                    return shape("has more than one table");
                }
                for table in section.clone() {
                    let table = table.map_err(|error| invalid(&error))?;
                    if table.ty.initial > TABLE_ELEMENTS_MAX as u64 {
                        return shape(&format!(
                            "has a table of {} entries, more than {TABLE_ELEMENTS_MAX}",
                            table.ty.initial
                        ));
                    }
                }
            }
            Payload::CodeSectionEntry(body) => self.check_body(body)?,
            // Types, globals, data, custom sections: bounded by the size of the file and checked by the
            // validator.
            _ => {}
        }
        Ok(())
    }

    fn check_instance(&mut self, instance: &Instance<'_>) -> Result<(), LoadError> {
        match instance {
            Instance::Instantiate { .. } => self.instances += 1,
            Instance::FromExports(_) => {}
        }
        if self.instances > 1 {
            return shape("instantiates its module more than once");
        }
        Ok(())
    }

    fn check_body(&mut self, body: &FunctionBody<'_>) -> Result<(), LoadError> {
        let locals = body.get_locals_reader().map_err(|error| invalid(&error))?;
        for local in locals {
            let (count, _) = local.map_err(|error| invalid(&error))?;
            self.locals = self.locals.saturating_add(u64::from(count));
        }
        if self.locals > LOCALS_MAX {
            return shape(&format!("declares more than {LOCALS_MAX} local variables"));
        }
        Ok(())
    }

    fn outermost_only(&self, what: &str) -> Result<(), LoadError> {
        if self.open.len() > 1 {
            shape(what)
        } else {
            Ok(())
        }
    }

    fn finish(self) -> Result<(), LoadError> {
        if self.exports.iter().any(|name| name == PACK_INTERFACE) {
            return Ok(());
        }
        let expected = PACK_INTERFACE;
        if let Some(found) = self.exports.iter().find(|name| name.starts_with(PACK_NAME)) {
            let found = found.clone();
            return Err(LoadError::OtherVersion { found, expected });
        }
        let names: Vec<_> = self
            .exports
            .iter()
            .take(3)
            .map(|name| format!("`{name}`"))
            .collect();
        let found = if names.is_empty() {
            "nothing".to_owned()
        } else {
            names.join(", ")
        };
        Err(LoadError::OtherWorld { found, expected })
    }
}

/// Whatever it is: a pack imports nothing.
fn refuse_import(import: &ComponentImport<'_>) -> LoadError {
    LoadError::Import {
        name: import.name.name.to_owned(),
    }
}

fn check_canonical(function: &CanonicalFunction) -> Result<(), LoadError> {
    let CanonicalFunction::Lift { options, .. } = function else {
        return shape("asks the host for built-in functions");
    };
    for option in options {
        match option {
            CanonicalOption::UTF8
            | CanonicalOption::Memory(_)
            | CanonicalOption::Realloc(_)
            | CanonicalOption::PostReturn(_) => {}
            CanonicalOption::UTF16 | CanonicalOption::CompactUTF16 => {
                return shape("passes strings in another encoding than UTF-8");
            }
            CanonicalOption::Async
            | CanonicalOption::Callback(_)
            | CanonicalOption::CoreType(_)
            | CanonicalOption::Gc => {
                return shape("lifts its functions in another way than the synchronous one");
            }
        }
    }
    Ok(())
}

fn check_memory(memory: &MemoryType) -> Result<(), LoadError> {
    let bytes = memory.initial.saturating_mul(64 << 10);
    if bytes > MEMORY_BYTES_MAX as u64 {
        return shape(&format!(
            "begins with {} MiB of memory, more than {} MiB",
            bytes >> 20,
            MEMORY_BYTES_MAX >> 20
        ));
    }
    Ok(())
}

fn shape<T>(what: &str) -> Result<T, LoadError> {
    Err(LoadError::Shape { what: what.into() })
}

fn invalid(error: &BinaryReaderError) -> LoadError {
    LoadError::Invalid {
        what: error.message().to_owned(),
        offset: error.offset() as u64,
    }
}
