//! The module under construction: functions, globals, and the data that they point at.
//!
//! Memory, from low to high; everything but the last part is laid out at compile time:
//!
//! ```text
//! 0        16              STATE_BASE + state      data end        grown by cabi_realloc
//! +--------+----------------+-----------------------+---------------------------->
//! | unused | findings, 48 B |  strings, rule records, lists of     | what the host lowers,
//! | (null) | memo slots 4 B |  describe, needles and their tables  | memos, findings
//! +--------+----------------+-----------------------+---------------------------->
//! ```

use std::collections::HashMap;

use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ElementSection, Elements, ExportKind, ExportSection,
    Function, FunctionSection, GlobalSection, GlobalType, MemorySection, MemoryType, Module,
    RefType, TableSection, TableType, TypeSection, ValType,
};

/// The memory that a pack begins with: 2 MiB hold a call of 16 k spans with a few columns. A page that is not touched costs
/// nothing, and each growth costs the host a system call that stops its other threads for a moment.
const MEMORY_PAGES_MIN: u32 = 32;

/// Where the findings record lies: six lists of pointer and length.
pub(super) const FINDINGS_BASE: u32 = 16;
const FINDINGS_BYTES: u32 = 48;
/// Where the memo slots begin: one address for each text predicate, 0 until its memo is there.
pub(super) const MEMOS_BASE: u32 = FINDINGS_BASE + FINDINGS_BYTES;
const PAGE_BYTES: u32 = 65_536;
/// The interface that the component exports.
pub(super) const INTERFACE: &str = "betrace:rules/pack@1.0.0";

/// A function of the module, defined or still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FuncId(pub(super) u32);

/// A mutable global.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Global {
    /// The first free byte.
    Heap,
    Traces,
    TraceEnds,
    Facts,
    Columns,
    Literals,
    Text,
    TextEnds,
    TextsLen,
    /// How many violations there are, and how many fit.
    Violations,
    ViolationsMax,
    ViolationRules,
    ViolationTraces,
    Clauses,
    WitnessEnds,
    Witnesses,
    WitnessesLen,
    WitnessesMax,
    /// The chunk of scratch memory: where it begins, where it is free, where it ends.
    ScratchBase,
    ScratchTop,
    ScratchEnd,
    /// A byte for each row of a trace, and how many there is room for.
    Marks,
    MarksMax,
    /// Room for the borders of a needle that is known only at run time, and for how many bytes of it.
    Borders,
    BordersMax,
}

const GLOBALS_LEN: u32 = Global::BordersMax as u32 + 1;

/// The module.
#[derive(Debug)]
pub(super) struct Builder {
    types: Vec<(Vec<ValType>, Vec<ValType>)>,
    functions: Vec<(u32, Option<Function>)>,
    data: Vec<u8>,
    code_bytes: usize,
    data_base: u32,
    texts: HashMap<Vec<u8>, u32>,
}

impl Builder {
    /// A module whose rules have `memos` text predicates.
    pub(super) fn new(memos: u32) -> Self {
        let data_base = (MEMOS_BASE + memos * 4).next_multiple_of(16);
        Self {
            types: Vec::new(),
            functions: Vec::new(),
            data: Vec::new(),
            code_bytes: 0,
            data_base,
            texts: HashMap::new(),
        }
    }

    pub(super) fn type_id(&mut self, params: &[ValType], results: &[ValType]) -> u32 {
        let found = self
            .types
            .iter()
            .position(|(p, r)| p == params && r == results);
        found.unwrap_or_else(|| {
            self.types.push((params.to_vec(), results.to_vec()));
            self.types.len() - 1
        }) as u32
    }

    pub(super) fn declare(&mut self, params: &[ValType], results: &[ValType]) -> FuncId {
        let ty = self.type_id(params, results);
        self.functions.push((ty, None));
        FuncId(self.functions.len() as u32 - 1)
    }

    pub(super) fn define(&mut self, id: FuncId, function: Function) {
        if let Some(slot) = self.functions.get_mut(id.0 as usize) {
            debug_assert!(slot.1.is_none(), "a function is defined once");
            self.code_bytes += function.byte_len();
            slot.1 = Some(function);
        }
    }

    /// Places bytes that are a multiple of four apart from what is there, and returns their address.
    pub(super) fn place(&mut self, bytes: &[u8]) -> u32 {
        self.data.resize(self.data.len().next_multiple_of(4), 0);
        let address = self.data_base + self.data.len() as u32;
        self.data.extend_from_slice(bytes);
        address
    }

    /// Places a text once, and returns its address.
    pub(super) fn text(&mut self, text: &[u8]) -> u32 {
        if let Some(address) = self.texts.get(text) {
            return *address;
        }
        let address = self.data_base + self.data.len() as u32;
        self.data.extend_from_slice(text);
        self.texts.insert(text.to_vec(), address);
        address
    }

    /// Bytes so far, roughly: what the limit on a component's size is held against.
    pub(super) fn size_bytes(&self) -> usize {
        self.data.len() + self.code_bytes
    }

    /// The finished module. `rules` are the functions of the rules, by their position.
    pub(super) fn finish(self, rules: &[FuncId], exports: &[(&str, FuncId)]) -> Vec<u8> {
        let heap = (self.data_base + self.data.len() as u32).next_multiple_of(16);
        let mut types = TypeSection::new();
        for (params, results) in &self.types {
            types
                .ty()
                .function(params.iter().copied(), results.iter().copied());
        }
        let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
        for (ty, function) in &self.functions {
            functions.function(*ty);
            debug_assert!(function.is_some(), "every declared function is defined");
            if let Some(function) = function {
                code.function(function);
            }
        }
        let (tables, elements) = emit_table(rules);
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: u64::from(heap.div_ceil(PAGE_BYTES).max(MEMORY_PAGES_MIN)),
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        let globals = emit_globals(heap);
        let mut exported = ExportSection::new();
        exported.export("memory", ExportKind::Memory, 0);
        for (name, id) in exports {
            exported.export(name, ExportKind::Func, id.0);
        }
        let mut data = DataSection::new();
        data.active(0, &ConstExpr::i32_const(self.data_base as i32), self.data);

        let mut module = Module::new();
        module
            .section(&types)
            .section(&functions)
            .section(&tables)
            .section(&memories)
            .section(&globals);
        module
            .section(&exported)
            .section(&elements)
            .section(&code)
            .section(&data);
        module.finish()
    }
}

/// The table through which `evaluate` calls the rules.
fn emit_table(rules: &[FuncId]) -> (TableSection, ElementSection) {
    let (mut tables, mut elements) = (TableSection::new(), ElementSection::new());
    let len = rules.len() as u64;
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: len,
        maximum: Some(len),
        shared: false,
    });
    let indices: Vec<u32> = rules.iter().map(|id| id.0).collect();
    elements.active(
        None,
        &ConstExpr::i32_const(0),
        Elements::Functions(indices.into()),
    );
    (tables, elements)
}

fn emit_globals(heap: u32) -> GlobalSection {
    let mut globals = GlobalSection::new();
    for global in 0..GLOBALS_LEN {
        let first = if global == Global::Heap as u32 {
            heap
        } else {
            0
        };
        globals.global(
            GlobalType {
                val_type: ValType::I32,
                mutable: true,
                shared: false,
            },
            &ConstExpr::i32_const(first as i32),
        );
    }
    globals
}
