//! A function under construction: WebAssembly with the blocks closed for you.
//!
//! Control flow goes through closures, so that every block ends where it should; everything else is written with
//! wasm-encoder's own instructions through `op`.

use wasm_encoder::{BlockType, Function, InstructionSink, MemArg, ValType};

/// A local of the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Local(pub(super) u32);

/// A function body.
#[derive(Debug)]
pub(super) struct Asm {
    params: u32,
    locals: Vec<ValType>,
    code: Vec<u8>,
}

/// Where in memory, relative to the address on the stack. The alignment is a hint that we do not give.
pub(super) fn at(offset: u32) -> MemArg {
    MemArg {
        offset: u64::from(offset),
        align: 0,
        memory_index: 0,
    }
}

impl Asm {
    pub(super) fn new(params: u32) -> Self {
        Self {
            params,
            locals: Vec::new(),
            code: Vec::new(),
        }
    }

    pub(super) fn param(index: u32) -> Local {
        Local(index)
    }

    /// A further local, zero at first.
    pub(super) fn local(&mut self, ty: ValType) -> Local {
        self.locals.push(ty);
        Local(self.params + self.locals.len() as u32 - 1)
    }

    pub(super) fn i32(&mut self) -> Local {
        self.local(ValType::I32)
    }

    pub(super) fn i64(&mut self) -> Local {
        self.local(ValType::I64)
    }

    /// Any instructions but those that open or close blocks.
    pub(super) fn op(&mut self) -> InstructionSink<'_> {
        InstructionSink::new(&mut self.code)
    }

    pub(super) fn get(&mut self, local: Local) -> &mut Self {
        self.op().local_get(local.0);
        self
    }

    pub(super) fn set(&mut self, local: Local) -> &mut Self {
        self.op().local_set(local.0);
        self
    }

    pub(super) fn tee(&mut self, local: Local) -> &mut Self {
        self.op().local_tee(local.0);
        self
    }

    pub(super) fn int(&mut self, value: u32) -> &mut Self {
        self.op().i32_const(value as i32);
        self
    }

    /// `if` the number on the stack is not 0.
    pub(super) fn if_(&mut self, then: impl FnOnce(&mut Self)) {
        self.op().if_(BlockType::Empty);
        then(self);
        self.op().end();
    }

    /// `if` with a result.
    pub(super) fn if_else(
        &mut self,
        ty: ValType,
        then: impl FnOnce(&mut Self),
        otherwise: impl FnOnce(&mut Self),
    ) {
        self.op().if_(BlockType::Result(ty));
        then(self);
        self.op().else_();
        otherwise(self);
        self.op().end();
    }

    /// Runs `body` while `condition` leaves a number other than 0.
    pub(super) fn while_(
        &mut self,
        condition: impl FnOnce(&mut Self),
        body: impl FnOnce(&mut Self),
    ) {
        self.op().block(BlockType::Empty).loop_(BlockType::Empty);
        condition(self);
        self.op().i32_eqz().br_if(1);
        body(self);
        self.op().br(0).end().end();
    }

    /// Adds to a local.
    pub(super) fn bump(&mut self, local: Local, by: u32) {
        self.get(local).int(by).op().i32_add();
        self.set(local);
    }

    /// `and` or `or` of the two numbers on the stack, bit by bit.
    pub(super) fn join(&mut self, is_and: bool) {
        let mut op = self.op();
        if is_and {
            op.i32_and()
        } else {
            op.i32_or()
        };
    }

    /// How many locals there are, parameters not counted.
    pub(super) fn locals_len(&self) -> usize {
        self.locals.len()
    }

    pub(super) fn finish(mut self) -> Function {
        self.op().end();
        let mut function = Function::new_with_locals_types(self.locals);
        function.raw(self.code);
        function
    }
}
