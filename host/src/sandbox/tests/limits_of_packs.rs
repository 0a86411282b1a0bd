//! How much of each thing a pack may have: exactly as much loads, and one more is refused with both figures.
//!
//! They are loaded as what was published is. What an upload has besides, the trial, is bounded by time, and would fail
//! where the machine that tests is busy.

use super::*;
use crate::sandbox::limits::{
    COMPONENT_ITEMS_MAX, COMPONENT_TYPES_MAX, CUSTOM_BYTES_MAX, CUSTOM_SECTIONS_MAX,
    DATA_SEGMENTS_MAX, DESCRIPTION_BYTES_MAX, ELEMENT_SEGMENTS_MAX, ELEMENTS_MAX, ENTRIES_MAX,
    EXPORTS_MAX, FUNCTION_BYTES_MAX, FUNCTIONS_MAX, GLOBALS_MAX, LABEL_BYTES_MAX, LITERALS_MAX,
    LOCALS_MAX, NAME_BYTES_MAX, NAMES_MAX, NESTING_MAX, PACK_BYTES_MAX, RULES_MAX,
    SENTENCE_BYTES_MAX, SIGNATURE_MAX, TABLE_ELEMENTS_MAX, TYPES_MAX, WANTS_MAX, WORD_BYTES_MAX,
};

/// A limit on what there is in a pack: `build` makes one with so many more of the things than an ordinary pack has.
struct Limit {
    most: usize,
    /// How the refusal goes on after the figure.
    what: &'static str,
    build: fn(usize) -> Vec<u8>,
}

impl Limit {
    /// How many an ordinary pack has.
    fn ordinary(&self) -> usize {
        let error = load_bytes(&(self.build)(self.most + 1)).unwrap_err();
        let LoadError::Over { found, .. } = error else {
            panic!("{error}")
        };
        let found = found as usize;
        if found > self.most + 1 {
            return found - self.most - 1;
        }
        // It was counted one by one, and the counting ended there.
        let loads = |n: &usize| load_bytes(&(self.build)(self.most - n)).is_ok();
        (0..self.most).find(loads).unwrap()
    }

    fn is_obeyed(&self) {
        let pack = load_bytes(&(self.build)(self.most - self.ordinary()));
        assert!(
            pack.is_ok(),
            "{:?}",
            pack.err().map(|error| error.to_string())
        );
    }

    fn is_exceeded(&self) {
        let bytes = (self.build)(self.most + 1 - self.ordinary());
        let error = load_bytes(&bytes).unwrap_err().to_string();
        let (found, most) = (self.most + 1, self.most);
        let sentence = format!("it has {found} {}, a pack at most {most}", self.what);
        assert_eq!(error, sentence);
    }
}

fn load_bytes(bytes: &[u8]) -> Result<Arc<PackPre>, LoadError> {
    sandbox().load_published(bytes)
}

fn load(guest: &Guest) -> Result<Arc<PackPre>, LoadError> {
    load_bytes(&guest.build())
}

/// An ordinary pack with these items in its module.
fn module(items: String) -> Vec<u8> {
    Guest {
        items,
        ..Guest::default()
    }
    .build()
}

/// An ordinary pack with these items around it.
fn component(items: &str) -> Vec<u8> {
    let mut pack = Guest::default().build();
    let around = wat::parse_str(format!("(component {items})")).unwrap();
    pack.extend(&around[8..]);
    pack
}

fn numbered(n: usize, each: impl Fn(usize) -> String) -> String {
    (0..n).map(each).collect()
}

/// The two tests of a limit.
macro_rules! pair {
    ($obeyed:ident, $exceeded:ident, $most:expr, $what:literal, $build:expr,) => {
        #[test]
        fn $obeyed() {
            Limit {
                most: $most as usize,
                what: $what,
                build: $build,
            }
            .is_obeyed();
        }

        #[test]
        fn $exceeded() {
            Limit {
                most: $most as usize,
                what: $what,
                build: $build,
            }
            .is_exceeded();
        }
    };
}

pair!(
    custom_sections_max_obeyed,
    custom_sections_max_exceeded,
    CUSTOM_SECTIONS_MAX,
    "custom sections",
    |n| component(&numbered(n, |n| format!("(@custom \"c{n}\" \"\")"))),
);
pair!(
    custom_bytes_max_obeyed,
    custom_bytes_max_exceeded,
    CUSTOM_BYTES_MAX,
    "bytes of custom sections (strip its debug information)",
    |n| component(&format!("(@custom \"c\" \"{}\")", "x".repeat(n))),
);
pair!(
    name_bytes_max_obeyed,
    name_bytes_max_exceeded,
    NAME_BYTES_MAX,
    "bytes in the name of an export",
    |n| module(format!("(func (export \"{}\"))", "x".repeat(n))),
);
pair!(
    component_types_max_obeyed,
    component_types_max_exceeded,
    COMPONENT_TYPES_MAX,
    "types and fields of types in its interface",
    |n| component(&"(type (list u8))".repeat(n)),
);
pair!(
    component_items_max_obeyed,
    component_items_max_exceeded,
    COMPONENT_ITEMS_MAX,
    "aliases, arguments, functions, imports and exports",
    |n| {
        let one = "(instance (export \"o\" (instance $e)))";
        component(&format!("(instance $e) {}", one.repeat(n)))
    },
);
pair!(
    types_max_obeyed,
    types_max_exceeded,
    TYPES_MAX,
    "types in its module",
    |n| module("(type (func))".repeat(n)),
);
pair!(
    signature_max_obeyed,
    signature_max_exceeded,
    SIGNATURE_MAX,
    "parameters and results of one function",
    |n| module(format!("(func (param {}))", "i32 ".repeat(n))),
);
pair!(
    functions_max_obeyed,
    functions_max_exceeded,
    FUNCTIONS_MAX,
    "functions",
    |n| module("(func)".repeat(n)),
);
pair!(
    function_bytes_max_obeyed,
    function_bytes_max_exceeded,
    FUNCTION_BYTES_MAX,
    "bytes in one function",
    |n| module(format!("(func {})", "nop ".repeat(n))),
);
pair!(
    locals_max_obeyed,
    locals_max_exceeded,
    LOCALS_MAX,
    "local variables",
    |n| {
        let of = |n: usize| format!("(func (local {}))", "i64 ".repeat(n));
        module(of(40_000).repeat(n / 40_000) + &of(n % 40_000))
    },
);
pair!(
    nesting_max_obeyed,
    nesting_max_exceeded,
    NESTING_MAX,
    "blocks within each other",
    |n| module(format!(
        "(func {} {})",
        "block ".repeat(n),
        "end ".repeat(n)
    )),
);
pair!(
    globals_max_obeyed,
    globals_max_exceeded,
    GLOBALS_MAX,
    "globals",
    |n| module("(global i64 (i64.const 0))".repeat(n)),
);
pair!(
    exports_max_obeyed,
    exports_max_exceeded,
    EXPORTS_MAX,
    "exports of its module",
    |n| module(numbered(n, |n| format!("(export \"e{n}\" (func $alloc))"))),
);
pair!(
    element_segments_max_obeyed,
    element_segments_max_exceeded,
    ELEMENT_SEGMENTS_MAX,
    "element segments",
    |n| module("(elem func $alloc)".repeat(n)),
);
pair!(
    elements_max_obeyed,
    elements_max_exceeded,
    ELEMENTS_MAX,
    "entries in its element segments",
    |n| module(format!("(elem func {})", "$alloc ".repeat(n))),
);
pair!(
    data_segments_max_obeyed,
    data_segments_max_exceeded,
    DATA_SEGMENTS_MAX,
    "data segments",
    |n| module("(data \"\")".repeat(n)),
);
pair!(
    table_elements_max_obeyed,
    table_elements_max_exceeded,
    TABLE_ELEMENTS_MAX,
    "entries in its table",
    |n| module(format!("(table {n} funcref)")),
);

#[test]
fn pack_bytes_max_obeyed() {
    let bytes = |n: usize| {
        module(
            format!("(memory.unused) (data \"{}\")", "x".repeat(n)).replace("(memory.unused) ", ""),
        )
    };
    let ordinary = bytes(PACK_BYTES_MAX - 8_192).len() - (PACK_BYTES_MAX - 8_192);
    let largest = bytes(PACK_BYTES_MAX - ordinary);
    assert_eq!(largest.len(), PACK_BYTES_MAX);
    assert!(load_bytes(&largest).is_ok());
}

#[test]
fn pack_bytes_max_exceeded() {
    let mut bytes = Guest::default().build();
    bytes.resize(PACK_BYTES_MAX + 1, 0);
    let error = load_bytes(&bytes).unwrap_err().to_string();
    assert_eq!(error, "the file has 4194305 bytes, a pack at most 4194304");
}

/// Loads a pack of one rule.
fn described(change: impl FnOnce(&mut GuestRule)) -> Result<Arc<PackPre>, LoadError> {
    let mut guest = Guest::default();
    change(&mut guest.rules[0]);
    load(&guest)
}

#[track_caller]
fn assert_says(loaded: Result<Arc<PackPre>, LoadError>, expected: &str) {
    let error = loaded.unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

fn of_rules(n: usize) -> Guest {
    Guest {
        rules: (0..n).map(|n| rule(&format!("r{n}"))).collect(),
        ..Guest::default()
    }
}

#[test]
fn rules_max_obeyed() {
    assert_eq!(load(&of_rules(RULES_MAX)).unwrap().rules().len(), RULES_MAX);
}

#[test]
fn rules_max_exceeded() {
    let expected = "holds 4097 rules, and must hold 1 to 4096";
    assert_says(load(&of_rules(RULES_MAX + 1)), expected);
}

fn words(n: usize) -> Vec<String> {
    (0..n).map(|n| format!("{n}")).collect()
}

#[test]
fn names_max_obeyed() {
    let pack = described(|rule| rule.names = words(NAMES_MAX)).unwrap();
    assert_eq!(pack.plan().names.len(), NAMES_MAX);
}

#[test]
fn names_max_exceeded() {
    let names = described(|rule| rule.names = words(NAMES_MAX + 1));
    assert_says(names, "its names hold 65536 entries, more than 65535");
    // No rule alone has too many.
    let mut guest = of_rules(2);
    guest.rules[0].names = words(NAMES_MAX);
    guest.rules[1].names = vec!["one more".into()];
    assert_says(load(&guest), "asks for 65536 names in all, more than 65535");
}

#[test]
fn literals_max_obeyed() {
    let pack = described(|rule| rule.literals = words(LITERALS_MAX)).unwrap();
    assert_eq!(pack.plan().literals.len(), LITERALS_MAX);
}

#[test]
fn literals_max_exceeded() {
    let literals = described(|rule| rule.literals = words(LITERALS_MAX + 1));
    assert_says(literals, "its literals hold 65537 entries, more than 65536");
}

fn reads(n: usize) -> Vec<[String; 3]> {
    let read = |n| ["span.attribute".into(), format!("k{n}"), "truth".into()];
    (0..n).map(read).collect()
}

#[test]
fn wants_max_obeyed() {
    let pack = described(|rule| rule.reads = reads(WANTS_MAX)).unwrap();
    assert_eq!(pack.plan().wants.len(), WANTS_MAX);
}

#[test]
fn wants_max_exceeded() {
    let expected = "its reads hold 4097 entries, more than 4096";
    assert_says(
        described(|rule| rule.reads = reads(WANTS_MAX + 1)),
        expected,
    );
}

#[test]
fn word_bytes_max_obeyed() {
    assert!(described(|rule| rule.names = vec!["x".repeat(WORD_BYTES_MAX)]).is_ok());
}

#[test]
fn word_bytes_max_exceeded() {
    let names = described(|rule| rule.names = vec!["x".repeat(WORD_BYTES_MAX + 1)]);
    assert_says(names, "hold 16385 bytes, more than 16384");
}

#[test]
fn label_bytes_max_obeyed() {
    assert!(described(|rule| rule.signal = "x".repeat(LABEL_BYTES_MAX)).is_ok());
}

#[test]
fn label_bytes_max_exceeded() {
    let signal = described(|rule| rule.signal = "x".repeat(LABEL_BYTES_MAX + 1));
    assert_says(signal, "its signal hold 513 bytes, more than 512");
}

#[test]
fn sentence_bytes_max_obeyed() {
    assert!(described(|rule| rule.message = vec![Err("x".repeat(SENTENCE_BYTES_MAX))]).is_ok());
}

#[test]
fn sentence_bytes_max_exceeded() {
    let text = "x".repeat(SENTENCE_BYTES_MAX + 1);
    let message = described(|rule| rule.message = vec![Err(text)]);
    assert_says(message, "its message hold 4097 bytes, more than 4096");
}

#[test]
fn entries_max_obeyed() {
    assert!(described(|rule| rule.message = vec![Err("x".into()); ENTRIES_MAX]).is_ok());
}

#[test]
fn entries_max_exceeded() {
    let message = described(|rule| rule.message = vec![Err("x".into()); ENTRIES_MAX + 1]);
    assert_says(message, "its message hold 257 entries, more than 256");
}

/// Says `n` times a name of 16 KiB, which lies in its memory once.
fn repeating(n: usize) -> Guest {
    // The pair of `names` in `record rule`.
    const NAMES: usize = 52;
    Guest {
        describe: Some(format!(
            "(local $at i32) (local $rule i32)
             (local.set $rule (i32.load (i32.const DESCRIBED)))
             (i32.store offset={NAMES} (local.get $rule) (i32.const 600000))
             (i32.store offset={} (local.get $rule) (i32.const {n}))
             (loop $next
               (i32.store (i32.add (i32.const 600000) (local.get $at)) (i32.const 700000))
               (i32.store (i32.add (i32.const 600004) (local.get $at)) (i32.const 16384))
               (local.set $at (i32.add (local.get $at) (i32.const 8)))
               (br_if $next (i32.lt_u (local.get $at) (i32.const {}))))
             (i32.const DESCRIBED)",
            NAMES + 4,
            8 * n,
        )),
        ..Guest::default()
    }
}

/// How many such names a description may hold.
const NAMES_OF_DESCRIPTION: usize = DESCRIPTION_BYTES_MAX / WORD_BYTES_MAX;

#[test]
fn description_bytes_max_obeyed() {
    let pack = load(&repeating(NAMES_OF_DESCRIPTION - 8)).unwrap();
    assert_eq!(pack.rules()[0].names.len(), NAMES_OF_DESCRIPTION - 8);
}

#[test]
fn description_bytes_max_exceeded() {
    assert_says(
        load(&repeating(NAMES_OF_DESCRIPTION)),
        "hands over more than the 16777216 bytes that its answer may take",
    );
}
