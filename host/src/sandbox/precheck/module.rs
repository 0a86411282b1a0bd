//! The sections of the core module.

use wasmparser::{
    Element, ElementItems, FunctionBody, MemoryType, Operator, Payload, TypeSectionReader,
};

use super::{check_most, invalid, shape};
use crate::sandbox::{
    error::{LoadError, excerpt},
    limits::{
        DATA_SEGMENTS_MAX, ELEMENT_SEGMENTS_MAX, ELEMENTS_MAX, EXPORTS_MAX, FUNCTION_BYTES_MAX,
        FUNCTIONS_MAX, GLOBALS_MAX, LOCALS_MAX, MEMORY_BYTES_MAX, NAME_BYTES_MAX, NESTING_MAX,
        SIGNATURE_MAX, TABLE_ELEMENTS_MAX, TYPES_MAX,
    },
};

/// What has been seen of the core module so far. A section may come but once; the parser sees to that.
#[derive(Default)]
pub(super) struct Module {
    locals: u64,
    elements: u64,
}

impl Module {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "further sections belong to features that are off, and the validator names those"
    )]
    pub(super) fn check(&mut self, payload: &Payload<'_>) -> Result<(), LoadError> {
        match payload {
            Payload::TypeSection(section) => check_types(section)?,
            Payload::ImportSection(section) => {
                if let Some(import) = section.clone().into_imports().next() {
                    let import = import.map_err(|error| invalid(&error))?;
                    let name = excerpt(&format!("{} {}", import.module, import.name));
                    return Err(LoadError::Import { name });
                }
            }
            Payload::FunctionSection(section) => {
                check_count("functions", section.count(), FUNCTIONS_MAX)?;
            }
            Payload::TableSection(section) => {
                if section.count() > 1 {
                    return shape("has more than one table");
                }
                for table in section.clone() {
                    let entries = table.map_err(|error| invalid(&error))?.ty.initial;
                    check_most("entries in its table", entries, TABLE_ELEMENTS_MAX as u64)?;
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
            Payload::GlobalSection(section) => {
                check_count("globals", section.count(), GLOBALS_MAX)?;
            }
            Payload::ExportSection(section) => {
                check_count("exports of its module", section.count(), EXPORTS_MAX)?;
                for export in section.clone() {
                    let bytes = export.map_err(|error| invalid(&error))?.name.len();
                    check_most(
                        "bytes in the name of an export",
                        bytes as u64,
                        NAME_BYTES_MAX as u64,
                    )?;
                }
            }
            Payload::ElementSection(section) => {
                check_count("element segments", section.count(), ELEMENT_SEGMENTS_MAX)?;
                for segment in section.clone() {
                    self.check_elements(&segment.map_err(|error| invalid(&error))?)?;
                }
            }
            Payload::DataSection(section) => {
                check_count("data segments", section.count(), DATA_SEGMENTS_MAX)?;
            }
            Payload::CodeSectionEntry(body) => self.check_body(body)?,
            _ => {}
        }
        Ok(())
    }

    fn check_elements(&mut self, segment: &Element<'_>) -> Result<(), LoadError> {
        let entries = match &segment.items {
            ElementItems::Functions(functions) => functions.count(),
            ElementItems::Expressions(_, expressions) => expressions.count(),
        };
        self.elements += u64::from(entries);
        check_most(
            "entries in its element segments",
            self.elements,
            ELEMENTS_MAX,
        )
    }

    fn check_body(&mut self, body: &FunctionBody<'_>) -> Result<(), LoadError> {
        check_most(
            "bytes in one function",
            body.range().len() as u64,
            FUNCTION_BYTES_MAX as u64,
        )?;
        for local in body.get_locals_reader().map_err(|error| invalid(&error))? {
            let (count, _) = local.map_err(|error| invalid(&error))?;
            self.locals = self.locals.saturating_add(u64::from(count));
        }
        check_most("local variables", self.locals, LOCALS_MAX)?;
        check_nesting(body)
    }
}

fn check_nesting(body: &FunctionBody<'_>) -> Result<(), LoadError> {
    let operators = body
        .get_operators_reader()
        .map_err(|error| invalid(&error))?;
    let mut depth: u32 = 0;
    for operator in operators {
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "no other instruction opens or closes a block"
        )]
        match operator.map_err(|error| invalid(&error))? {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                depth += 1;
                check_count("blocks within each other", depth, NESTING_MAX)?;
            }
            Operator::End => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

fn check_types(section: &TypeSectionReader<'_>) -> Result<(), LoadError> {
    check_count("types in its module", section.count(), TYPES_MAX)?;
    for function in section.clone().into_iter_err_on_gc_types() {
        let function = function.map_err(|error| invalid(&error))?;
        check_most(
            "parameters and results of one function",
            (function.params().len() + function.results().len()) as u64,
            SIGNATURE_MAX as u64,
        )?;
    }
    Ok(())
}

fn check_memory(memory: &MemoryType) -> Result<(), LoadError> {
    let bytes = memory.initial.saturating_mul(64 << 10);
    check_most(
        "MiB of memory to begin with",
        bytes.div_ceil(1 << 20),
        (MEMORY_BYTES_MAX >> 20) as u64,
    )
}

fn check_count(what: &'static str, found: u32, most: u32) -> Result<(), LoadError> {
    check_most(what, u64::from(found), u64::from(most))
}
