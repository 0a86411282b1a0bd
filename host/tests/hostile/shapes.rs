//! Components that are no packs by their structure.

use crate::{
    Refused, check_refused,
    guest::{Guest, rule, wrap_text},
    make::{component, number, text, with, with_module, with_sections},
    refused,
};

/// Packs by their module's names, of other worlds.
fn of_world(module: &str, wit: &str) -> Vec<u8> {
    wrap_text(&text(module), wit, "w")
}

fn of_world_cases() -> Vec<Refused> {
    let pack = |version: &str| {
        of_world(
            &format!("(module (func (export \"betrace:rules/pack@{version}#go\")))"),
            &format!(
                "package betrace:rules@{version}; interface pack {{ go: func(); }} world w {{ export pack; }}"
            ),
        )
    };
    let importing = of_world(
        r#"(module (import "wasi:sockets/tcp@0.2.0" "listen" (func (result i32))) (func (export "go")))"#,
        "package wasi:sockets@0.2.0; interface tcp { listen: func() -> u32; } world w { import tcp; export go: func(); }",
    );
    let other = of_world(
        r#"(module (func (export "go")))"#,
        "package a:b; world w { export go: func(); }",
    );
    let more = with(r#"(instance $more) (export "wasi:cli/run@0.2.0" (instance $more))"#);
    let driving = component(&[(10, {
        let name = "\u{1b}[2J\u{7}beep";
        let mut section = vec![1, 0];
        section.extend(number(name.len()));
        section.extend(name.bytes());
        section.extend([0x05, 0x00]);
        section
    })]);
    vec![
        refused(
            "imports of WASI",
            importing,
            "imports wasi:sockets/tcp@0.2.0: rules have no imports",
        ),
        refused(
            "an import of a function",
            text(r#"(component (import "now" (func)))"#),
            "imports now: rules have no imports",
        ),
        refused(
            "an import whose name drives the terminal",
            driving,
            r"imports \u{1b}[2J\u{7}beep",
        ),
        refused(
            "an import of the core module",
            with_module(r#"(import "env" "memory" (memory 1))"#),
            "imports env memory: rules have no imports",
        ),
        refused("another world", other, "exports `go`"),
        refused(
            "a later minor version",
            pack("1.1.0"),
            "built for `betrace:rules/pack@1.1.0`",
        ),
        refused(
            "another major version",
            pack("2.0.0"),
            "built for `betrace:rules/pack@2.0.0`",
        ),
        refused(
            "the right name for other functions",
            pack("1.0.0"),
            "not that of the contract",
        ),
        refused(
            "an empty instance under the right name",
            with(""),
            "not that of the contract",
        ),
        refused(
            "a world besides the pack",
            more,
            "exports `wasi:cli/run@0.2.0` besides",
        ),
        refused(
            "a component that is empty",
            text("(component)"),
            "exports nothing",
        ),
    ]
}

/// A section of types that refer to each other.
fn types(types: &[&[u8]]) -> Vec<u8> {
    let mut section = number(types.len());
    section.extend(types.concat());
    section
}

/// Types of components in types of components, three bytes a level.
fn nested_types(first: u8, levels: usize) -> Vec<u8> {
    let mut section = vec![1];
    for _ in 0..levels {
        section.extend([first, 1, 1]);
    }
    section.extend([0x42, 0]);
    component(&[(7, section)])
}

/// A tuple of two of the tuple before it, thirty times: 2^30 fields.
fn doubled_type() -> Vec<u8> {
    let first = [0x6f, 2, 0x7d, 0x7d];
    let pairs: Vec<[u8; 4]> = (0..30).map(|n| [0x6f, 2, n, n]).collect();
    let mut all: Vec<&[u8]> = vec![&first];
    all.extend(pairs.iter().map(<[u8; 4]>::as_slice));
    let mut bytes = component(&[(7, types(&all))]);
    bytes.extend(&with("")[8..]);
    bytes
}

/// Components in components, some twelve bytes a level.
fn nested_components(levels: usize) -> Vec<u8> {
    let mut begins = Vec::new();
    let mut len = 8;
    for _ in 0..levels {
        let begin = [vec![4], number(len)].concat();
        len += begin.len() + 8;
        begins.push(begin);
    }
    let mut bytes = component(&[]);
    for begin in begins.iter().rev() {
        bytes.extend(begin);
        bytes.extend(component(&[]));
    }
    bytes
}

fn long_name() -> Vec<u8> {
    let name = "a".repeat(2_000);
    text(&format!(
        "(component (instance $i) (export \"{name}\" (instance $i)))"
    ))
}

pub(crate) fn of_components() -> Vec<Refused> {
    let mut cases = of_world_cases();
    let fields: String = (0..1_001).map(|n| format!("(field \"f{n}\" u8)")).collect();
    let many_types = "(type (list u8))".repeat(1_001);
    let items: String = (0..1_001)
        .map(|n| format!("(export $e{n} \"e{n}\" (instance $i))"))
        .collect();
    let lift = |options: &str| {
        with(&format!(
            "(core module $m (func (export \"f\") (param i32 i32)) (func (export \"r\") (param i32 i32 i32 i32) (result i32) unreachable) (memory (export \"m\") 1))
             (core instance $c (instantiate $m))
             (func (param \"t\" string) (canon lift (core func $c \"f\") (memory $c \"m\") (realloc (func $c \"r\")) {options}))"
        ))
    };
    cases.extend([
        refused("two core modules", with("(core module) (core module)"), "more than one core module"),
        refused(
            "a module in a nested component",
            with("(component (core module))"),
            "module inside a nested component",
        ),
        refused(
            "components 200,000 deep",
            nested_components(200_000),
            "nests components",
        ),
        refused("components three deep", with("(component (component))"), "nests components"),
        refused("two nested components", with("(component) (component)"), "more than one nested component"),
        refused(
            "a module instantiated twice",
            with("(core module $m) (core instance (instantiate $m)) (core instance (instantiate $m))"),
            "more than once",
        ),
        refused(
            "a nested component instantiated twice",
            with("(component $c) (instance (instantiate $c)) (instance (instantiate $c))"),
            "instantiates its nested component more than once",
        ),
        refused(
            "instances in a nested component",
            with("(component (core instance))"),
            "instantiates inside a nested component",
        ),
        refused("a built-in of the host", with("(core func (canon task.cancel))"), "built-in functions"),
        refused("strings in UTF-16", lift("string-encoding=utf16"), "another encoding than UTF-8"),
        refused("an asynchronous lift", lift("async"), "another way than the synchronous one"),
        refused("core types of its own", with("(core type (func))"), "declares core types"),
        refused("a resource", with("(type (resource (rep i32)))"), "declares resources"),
        refused("a stream", with("(type (stream u8))"), "types that the contract does not have"),
        refused("a type of instances", with("(type (instance))"), "types of components or instances"),
        refused("a type of components", with("(type (component))"), "types of components or instances"),
        refused("a million types in each other", nested_types(0x41, 1_000_000), "types of components or instances"),
        refused("a million instances in each other", nested_types(0x42, 1_000_000), "types of components or instances"),
        refused("a type that doubles thirty times", doubled_type(), "not a valid component"),
        refused("1,001 types", with(&many_types), "1001 types and fields of types in its interface, a pack at most 1000"),
        refused("a record of 1,001 fields", with(&format!("(type (record {fields}))")), "1002 types and fields of types"),
        refused("1,001 exports", text(&format!("(component (instance $i) {items})")), "1001 aliases, arguments, functions, imports and exports, a pack at most 1000"),
        refused("an export's name of 2,000 bytes", long_name(), "2000 bytes in the name of an import or export, a pack at most 1024"),
        refused("a section that nobody knows", [component(&[(99, Vec::new())]), with("")[8..].to_vec()].concat(), "not a valid component"),
    ]);
    cases
}

fn functions_cases() -> Vec<Refused> {
    let i32s = |n: usize| "i32 ".repeat(n);
    let deep = |n: usize| {
        let (open, close) = ("block ".repeat(n), "end ".repeat(n));
        with_module(&format!("(func {open} {close})"))
    };
    let calls = "call 0 ".repeat(100_000);
    vec![
        refused(
            "10,001 types of functions",
            with_module(&"(type (func))".repeat(10_001)),
            "10001 types in its module, a pack at most 10000",
        ),
        refused(
            "129 parameters",
            with_module(&format!("(func (param {}))", i32s(129))),
            "129 parameters and results of one function, a pack at most 128",
        ),
        refused(
            "129 results",
            with_module(&format!("(type (func (result {})))", i32s(129))),
            "129 parameters and results",
        ),
        refused(
            "calls of a thousand parameters, two bytes each",
            with_module(&format!(
                "(func (param {})) (func unreachable {calls})",
                i32s(1_000)
            )),
            "1000 parameters and results",
        ),
        refused(
            "10,001 functions",
            with_module(&"(func)".repeat(10_001)),
            "10001 functions, a pack at most 10000",
        ),
        refused(
            "a function of 600,000 bytes",
            with_module(&format!("(func {})", "nop ".repeat(600_000))),
            "bytes in one function, a pack at most 524288",
        ),
        refused(
            "locals by the hundred thousand",
            with_module(&format!("(func {})", "(local i64 i64 i64 i64)".repeat(10_000)).repeat(13)),
            "520000 local variables, a pack at most 500000",
        ),
        refused(
            "more locals in a function than WebAssembly has",
            with_sections(&[
                (1, vec![1, 0x60, 0, 0]),
                (3, vec![1, 0]),
                (10, {
                    let body = [vec![1], number(60_000), vec![0x7f, 0x0b]].concat();
                    [vec![1], number(body.len()), body].concat()
                }),
            ]),
            "not a valid component",
        ),
        refused(
            "blocks a thousand and one deep",
            deep(1_001),
            "1001 blocks within each other, a pack at most 1000",
        ),
        refused(
            "blocks 100,000 deep",
            deep(100_000),
            "1001 blocks within each other",
        ),
    ]
}

fn entries_cases() -> Vec<Refused> {
    let exports: String = (0..1_001)
        .map(|n| format!("(export \"e{n}\" (func 0))"))
        .collect();
    let name = "n".repeat(1_025);
    let functions = "0 ".repeat(65_537);
    let customs: String = (0..65)
        .map(|n| format!("(@custom \"c{n}\" \"x\")"))
        .collect();
    let large = "x".repeat((2 << 20) + 1);
    vec![
        refused(
            "10,001 globals",
            with_module(&"(global i64 (i64.const 0))".repeat(10_001)),
            "10001 globals, a pack at most 10000",
        ),
        refused(
            "1,001 exports of the module",
            with_module(&format!("(func) {exports}")),
            "1001 exports of its module, a pack at most 1000",
        ),
        refused(
            "an export of the module with a name of 1,025 bytes",
            with_module(&format!("(func (export \"{name}\"))")),
            "1025 bytes in the name of an export, a pack at most 1024",
        ),
        refused(
            "1,001 element segments",
            with_module(&format!(
                "(table 1 funcref) {}",
                "(elem func)".repeat(1_001)
            )),
            "1001 element segments, a pack at most 1000",
        ),
        refused(
            "65,537 elements",
            with_module(&format!("(table 1 funcref) (func) (elem func {functions})")),
            "65537 entries in its element segments, a pack at most 65536",
        ),
        refused(
            "10,001 data segments",
            with_module(&format!("(memory 1) {}", "(data \"\")".repeat(10_001))),
            "10001 data segments, a pack at most 10000",
        ),
        refused(
            "65 custom sections",
            with(&customs),
            "65 custom sections, a pack at most 64",
        ),
        refused(
            "2 MiB of debug information",
            with_module(&format!("(@custom \".debug_info\" \"{large}\")")),
            "bytes of custom sections (strip its debug information), a pack at most 2097152",
        ),
        refused(
            "65 MiB of memory",
            with_module("(memory 1040)"),
            "65 MiB of memory to begin with, a pack at most 64",
        ),
        refused(
            "4 GiB of memory",
            with_module("(memory 65536)"),
            "4096 MiB of memory to begin with",
        ),
        refused(
            "two memories",
            with_module("(memory 1) (memory 1)"),
            "more than one memory",
        ),
        refused(
            "two tables",
            with_module("(table 1 funcref) (table 1 funcref)"),
            "more than one table",
        ),
        refused(
            "a table of 16,385 entries",
            with_module("(table 16385 funcref)"),
            "16385 entries in its table, a pack at most 16384",
        ),
    ]
}

pub(crate) fn of_modules() -> Vec<Refused> {
    let mut cases = functions_cases();
    cases.extend(entries_cases());
    let invalid = "not a valid component";
    cases.extend([
        refused("a memory of 64 bits", with_module("(memory i64 1)"), invalid),
        refused("a memory that threads share", with_module("(memory 1 1 shared)"), invalid),
        refused("exceptions", with_module("(tag)"), invalid),
        refused("structs of the garbage collector", with_module("(type (struct))"), invalid),
        refused("references to functions", with_module("(func (param (ref func)))"), invalid),
        refused(
            "references to things of the host",
            with_module("(table 1 externref)"),
            invalid,
        ),
        refused(
            "tail calls",
            with_module("(func (param i32) (result i32) (return_call 0 (local.get 0)))"),
            invalid,
        ),
        refused(
            "relaxed SIMD",
            with_module("(func (param v128 v128) (result v128) (i8x16.relaxed_swizzle (local.get 0) (local.get 1)))"),
            invalid,
        ),
        refused("a body that leaves nothing where a number is due", with_module("(func (result i32))"), invalid),
        refused("an access beyond its memories", with_module("(func (drop (i32.load (i32.const 0))))"), invalid),
        refused(
            "functions without bodies",
            with_sections(&[(1, vec![1, 0x60, 0, 0]), (3, vec![2, 0, 0])]),
            invalid,
        ),
        refused(
            "sections out of order",
            with_sections(&[(3, vec![0]), (1, vec![0])]),
            invalid,
        ),
        refused("a section of types twice", with_sections(&[(1, vec![0]), (1, vec![0])]), invalid),
    ]);
    cases
}

#[test]
fn components_that_are_no_packs_are_refused_with_what_they_do() {
    check_refused(of_components());
}

#[test]
fn modules_that_no_pack_has_are_refused_with_the_limit() {
    check_refused(of_modules());
}

/// The other side of each count: an ordinary pack with as much of everything as it may have is loaded.
#[test]
fn a_pack_with_as_much_of_everything_as_it_may_have_is_loaded() {
    let deep = format!("{} {}", "block ".repeat(1_000), "end ".repeat(1_000));
    let guest = Guest {
        rules: vec![rule("r")],
        items: [
            format!("(func (param {}) {deep})", "i32 ".repeat(128)),
            "(global v128 (v128.const i64x2 0 0))".repeat(9_000),
            "(table 16384 funcref)".into(),
            // Each function that a table may hold takes room in every instance.
            format!(
                "(elem declare func {})",
                (0..9_000).map(|n| format!("{n} ")).collect::<String>()
            ),
            format!("(func $f {})", "nop ".repeat(500_000)),
            "(elem declare func $f)".repeat(999),
            "(data \"\")".repeat(9_000),
            "(func (local i64 i64 i64 i64))".repeat(9_000),
        ]
        .concat(),
        ..Guest::default()
    };
    // As what was published: with time to compile it on a machine that tests other things as well.
    let pack = crate::sandbox().load_published(&guest.build()).unwrap();
    assert_eq!(pack.rules().len(), 1);
}
