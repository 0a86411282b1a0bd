//! Values that are the same, as classes.
//!
//! Numbers and booleans have one key each. A string that is the text of an int of the list is the same as that int, and so
//! as a double of its value; any other is the same as itself alone. So the strings and ints are sorted by their symbols
//! first, and the strings beside an int take its key.
//!
//! ```text
//! text record, 16 bytes:  symbol (u64) 0    8: address of the value's own record | 1 << 56 if it is a string
//! ```

use wasm_encoder::{BlockType, ValType::I32};

use super::{
    super::asm::{Asm, Local, at},
    Shop, Tool,
    keys::{TAG_INT, TAG_SYMBOL, emit_class, emit_record},
    sort::RECORD_BYTES,
};

/// Kinds of the form `value`.
const INT: u32 = 2;
const STRING: u32 = 4;
const IS_STRING: i64 = 1 << 56;
/// The bits of a record's low half that are not its tag.
const LOW_MASK: i64 = (1 << 56) - 1;

pub(super) fn emit_put_class() -> Asm {
    let [to, texts, kind, bits, symbol, low] = [0, 1, 2, 3, 4, 5].map(Asm::param);
    let mut asm = Asm::new(6);
    let tag = asm.i32();
    asm.get(kind).int(STRING).op().i32_eq();
    asm.op().if_(BlockType::Empty);
    asm.get(symbol).op().i64_extend_i32_u();
    asm.set(bits);
    asm.int(TAG_SYMBOL).set(tag);
    asm.op().else_();
    emit_class(&mut asm, kind, bits, tag);
    asm.op().end();
    // Ints and strings have a symbol, and doubles have none.
    asm.get(symbol).int(2).op().i32_ge_u();
    asm.get(kind).int(INT).op().i32_eq();
    asm.get(kind).int(STRING).op().i32_eq().i32_or().i32_and();
    asm.if_(|asm| {
        asm.get(texts)
            .get(symbol)
            .op()
            .i64_extend_i32_u()
            .i64_store(at(0));
        asm.get(texts).get(to).op().i64_extend_i32_u();
        asm.op().i64_const(IS_STRING).i64_const(0);
        asm.get(kind)
            .int(STRING)
            .op()
            .i32_eq()
            .select()
            .i64_or()
            .i64_store(at(8));
        asm.bump(texts, RECORD_BYTES);
    });
    asm.get(tag);
    asm.if_(|asm| {
        emit_record(
            asm,
            to,
            bits,
            |asm| {
                asm.get(tag);
            },
            low,
        );
    });
    asm.get(to).get(texts);
    asm
}

pub(super) fn emit_classes(shop: &mut Shop<'_, '_>) -> Asm {
    let sort = shop.tool(Tool::Sort);
    let [records, end, texts, texts_end] = [0, 1, 2, 3].map(Asm::param);
    let mut asm = Asm::new(4);
    asm.get(texts).get(texts_end).op().call(sort.0);
    emit_unify(&mut asm, texts, texts_end);
    asm.get(records).get(end).op().call(sort.0);
    asm
}

/// Gives strings the key of the int that has their symbol. An int comes before the strings of its symbol.
fn emit_unify(asm: &mut Asm, texts: Local, texts_end: Local) {
    let (symbol, low, key, record, is_int) =
        (asm.i64(), asm.i64(), asm.i64(), asm.i32(), asm.i32());
    asm.while_(
        |asm| {
            asm.get(texts).get(texts_end).op().i32_lt_u();
        },
        |asm| {
            asm.get(texts).op().i64_load(at(8));
            asm.tee(low).op().i32_wrap_i64();
            asm.set(record);
            asm.get(low).op().i64_const(IS_STRING).i64_and().i64_eqz();
            asm.op().if_(BlockType::Empty);
            asm.int(1).set(is_int);
            asm.get(texts).op().i64_load(at(0));
            asm.set(symbol);
            asm.get(record).op().i64_load(at(0));
            asm.set(key);
            asm.op().else_();
            asm.get(is_int);
            asm.op().if_(BlockType::Result(I32));
            asm.get(texts).op().i64_load(at(0));
            asm.get(symbol).op().i64_eq();
            asm.op().else_().i32_const(0).end();
            asm.if_(|asm| {
                asm.get(record).get(key).op().i64_store(at(0));
                asm.get(record).get(record).op().i64_load(at(8));
                asm.op().i64_const(LOW_MASK).i64_and();
                asm.op()
                    .i64_const(i64::from(TAG_INT) << 56)
                    .i64_or()
                    .i64_store(at(8));
            });
            asm.op().end();
            asm.bump(texts, RECORD_BYTES);
        },
    );
}
