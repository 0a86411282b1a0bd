//! Builds packs for tests, by hand: a core module in WAT around a description laid out in memory as the
//! canonical ABI wants it, wrapped by `wit-component`. The language's compiler makes only packs that
//! behave; these need not.

use std::fmt::Write;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A pack to build. The default holds one rule, `r`, and says `not_applicable` of everything.
#[derive(Clone, Debug)]
pub(crate) struct Guest {
    /// What `describe` says.
    pub(crate) rules: Vec<GuestRule>,
    /// WAT that replaces the body of `describe`; `DESCRIBED` stands for where the rules lie.
    pub(crate) describe: Option<String>,
    /// WAT of the body of `evaluate`; see [`PRELUDE`] for its parameters and helpers.
    pub(crate) evaluate: String,
    /// WAT of further items of the module.
    pub(crate) items: String,
    /// WAT that the allocator runs first, with the size in bytes as local 3.
    pub(crate) realloc: String,
    /// Pages of memory that the module begins with.
    pub(crate) pages: u32,
}

/// One rule of a pack; the fields are those of `record rule`.
#[derive(Clone, Debug)]
pub(crate) struct GuestRule {
    pub(crate) id: String,
    pub(crate) signal: String,
    pub(crate) severity: u8,
    pub(crate) names: Vec<String>,
    pub(crate) all_spans: bool,
    pub(crate) any_of: Vec<Vec<String>>,
    pub(crate) otherwise: u8,
    pub(crate) reads: Vec<[String; 3]>,
    pub(crate) literals: Vec<String>,
    pub(crate) facts: bool,
    /// `Err` is a text, `Ok` a placeholder.
    pub(crate) message: Vec<Result<[String; 2], String>>,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            rules: vec![rule("r")],
            describe: None,
            evaluate: ALWAYS_0.into(),
            items: String::new(),
            realloc: String::new(),
            pages: 16,
        }
    }
}

/// A rule that reads nothing and is applied to every trace.
pub(crate) fn rule(id: &str) -> GuestRule {
    GuestRule {
        id: id.into(),
        signal: "S".into(),
        severity: 2,
        names: Vec::new(),
        all_spans: false,
        any_of: Vec::new(),
        otherwise: 0,
        reads: Vec::new(),
        literals: Vec::new(),
        facts: false,
        message: Vec::new(),
    }
}

/// A rule that is violated by each trace with a span of that name.
pub(crate) fn named_rule(id: &str, name: &str) -> GuestRule {
    GuestRule {
        names: vec![name.into()],
        any_of: vec![vec![name.into()]],
        reads: vec![["span".into(), "name".into(), "declared".into()]],
        ..rule(id)
    }
}

/// Says `not_applicable` of everything.
pub(crate) const ALWAYS_0: &str =
    "(call $answer (local.get $n_rules) (local.get $traces) (i32.const 0))";

/// Rule number `r` of the pack is violated by a trace with a span whose name has number `r + 1` in the
/// first column, a `u8s`; its first such row is the witness.
/// Otherwise it does not apply.
pub(crate) const HAS_NAME: &str = r"
  (local $r i32) (local $t i32) (local $row i32) (local $end i32) (local $names i32) (local $found i32)
  (local $out i32) (local $n i32) (local $cell i32) (local $rule i32)
  (local.set $names (i32.load offset=16 (local.get $cols)))
  (local.set $out (call $answer (local.get $n_rules) (local.get $traces) (i32.const 0)))
  (block $done (loop $rules
    (br_if $done (i32.ge_u (local.get $r) (local.get $n_rules)))
    (local.set $rule (i32.load (i32.add (local.get $rules) (i32.shl (local.get $r) (i32.const 2)))))
    (local.set $t (i32.const 0))
    (local.set $row (i32.const 0))
    (block $traced (loop $each
      (br_if $traced (i32.ge_u (local.get $t) (local.get $traces)))
      (local.set $end (i32.load (i32.add (local.get $trace_ends) (i32.shl (local.get $t) (i32.const 2)))))
      (local.set $cell (i32.add (i32.mul (local.get $r) (local.get $traces)) (local.get $t)))
      (local.set $found (i32.const -1))
      (block $rowed (loop $rows
        (br_if $rowed (i32.ge_u (local.get $row) (local.get $end)))
        (if (i32.and (i32.eq (i32.load8_u (i32.add (local.get $names) (local.get $row)))
                             (i32.add (local.get $rule) (i32.const 1)))
                     (i32.eq (local.get $found) (i32.const -1)))
          (then (local.set $found (local.get $row))))
        (local.set $row (i32.add (local.get $row) (i32.const 1)))
        (br $rows)))
      (if (i32.ne (local.get $found) (i32.const -1)) (then
        (i32.store8 (i32.add (i32.load (local.get $out)) (local.get $cell)) (i32.const 2))
        (call $violate (local.get $out) (local.get $r) (local.get $t) (local.get $found))))
      (local.set $t (i32.add (local.get $t) (i32.const 1)))
      (br $each)))
    (local.set $r (i32.add (local.get $r) (i32.const 1)))
    (br $rules)))
  (local.get $out)";

/// Where the allocator of [`PRELUDE`] takes memory.
const ALLOCATES: &str = "(call $alloc (local.get 3))";

/// What every guest has: memory, an allocator, and the making of findings.
const PRELUDE: &str = r#"
  (global $heap (mut i32) (i32.const HEAP))
  (func $alloc (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (block $grown (loop $grow
      (br_if $grown (i32.le_u (global.get $heap) (i32.shl (memory.size) (i32.const 16))))
      (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))
      (br $grow)))
    (local.get $at))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (call $alloc (local.get 3)))
  ;; Findings in which every verdict is $verdict, with room for a violation of each.
  (func $answer (param $rules i32) (param $traces i32) (param $verdict i32) (result i32)
    (local $n i32) (local $out i32)
    (local.set $n (i32.mul (local.get $rules) (local.get $traces)))
    (local.set $out (call $alloc (i32.const 48)))
    (i32.store (local.get $out) (call $alloc (local.get $n)))
    (i32.store offset=4 (local.get $out) (local.get $n))
    (memory.fill (i32.load (local.get $out)) (local.get $verdict) (local.get $n))
    (i32.store offset=8 (local.get $out) (call $alloc (i32.shl (local.get $n) (i32.const 2))))
    (i32.store offset=16 (local.get $out) (call $alloc (i32.shl (local.get $n) (i32.const 2))))
    (i32.store offset=24 (local.get $out) (call $alloc (local.get $n)))
    (i32.store offset=32 (local.get $out) (call $alloc (i32.shl (local.get $n) (i32.const 2))))
    (i32.store offset=40 (local.get $out) (call $alloc (i32.shl (local.get $n) (i32.const 2))))
    (i32.store offset=12 (local.get $out) (i32.const 0))
    (i32.store offset=20 (local.get $out) (i32.const 0))
    (i32.store offset=28 (local.get $out) (i32.const 0))
    (i32.store offset=36 (local.get $out) (i32.const 0))
    (i32.store offset=44 (local.get $out) (i32.const 0))
    (local.get $out))
  (func $push (param $list i32) (param $value i32)
    (i32.store
      (i32.add (i32.load (local.get $list)) (i32.shl (i32.load offset=4 (local.get $list)) (i32.const 2)))
      (local.get $value))
    (i32.store offset=4 (local.get $list) (i32.add (i32.load offset=4 (local.get $list)) (i32.const 1))))
  ;; Adds a violation of clause 0 with one witness.
  (func $violate (param $out i32) (param $rule i32) (param $trace i32) (param $row i32)
    (call $push (i32.add (local.get $out) (i32.const 8)) (local.get $rule))
    (call $push (i32.add (local.get $out) (i32.const 16)) (local.get $trace))
    (i32.store8
      (i32.add (i32.load offset=24 (local.get $out)) (i32.load offset=28 (local.get $out)))
      (i32.const 0))
    (i32.store offset=28 (local.get $out) (i32.add (i32.load offset=28 (local.get $out)) (i32.const 1)))
    (call $push (i32.add (local.get $out) (i32.const 40)) (local.get $row))
    (call $push (i32.add (local.get $out) (i32.const 32)) (i32.load offset=44 (local.get $out))))
"#;

impl Guest {
    /// Builds the component.
    pub(crate) fn build(&self) -> Vec<u8> {
        wrap(&self.module(), "../wit", "rule-pack")
    }

    fn module(&self) -> Vec<u8> {
        let mut image = Image::default();
        let described = image.description(&self.rules);
        let describe = self
            .describe
            .clone()
            .unwrap_or_else(|| "(i32.const DESCRIBED)".into())
            .replace("DESCRIBED", &described.to_string());
        let heap = HEAP.max((BASE as usize + image.bytes.len()).next_multiple_of(64 << 10));
        let pages = self.pages.max((heap >> 16) as u32 + 8);
        let data = image.bytes.iter().fold(String::new(), |mut data, byte| {
            write!(data, "\\{byte:02x}").unwrap();
            data
        });
        let prelude = PRELUDE.replacen("HEAP", &heap.to_string(), 1).replacen(
            ALLOCATES,
            &(self.realloc.clone() + ALLOCATES),
            1,
        );
        let text = format!(
            r#"(module
  (memory (export "memory") {pages})
  {prelude}
  {items}
  (func (export "betrace:rules/pack@1.0.0#describe") (result i32) {describe})
  (func (export "betrace:rules/pack@1.0.0#evaluate")
    (param $rules i32) (param $n_rules i32) (param $traces i32) (param $trace_ends i32) (param i32)
    (param $facts i32) (param i32) (param $cols i32) (param $n_cols i32) (param $literals i32)
    (param i32) (param $text i32) (param i32) (param $text_ends i32) (param i32) (result i32)
    {evaluate})
  (data (i32.const {BASE}) "{data}"))"#,
            items = self.items,
            evaluate = self.evaluate,
        );
        wat::parse_str(&text).unwrap()
    }
}

/// Wraps a core module as a component for `world` of the WIT package in the folder `wit`.
pub(crate) fn wrap(module: &[u8], wit: &str, world: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(wit);
    let (package, _) = resolve.push_path(path).unwrap();
    wrap_world(module, &resolve, package, world)
}

/// Wraps a core module as a component for a world given as text.
pub(crate) fn wrap_text(module: &[u8], wit: &str, world: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("world.wit", wit).unwrap();
    wrap_world(module, &resolve, package, world)
}

fn wrap_world(
    module: &[u8],
    resolve: &Resolve,
    package: wit_parser::PackageId,
    world: &str,
) -> Vec<u8> {
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    let mut module = module.to_vec();
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).unwrap();
    let mut encoder = ComponentEncoder::default().module(&module).unwrap();
    encoder.encode().unwrap()
}

/// Where the description lies in the guest's memory.
const BASE: u32 = 1024;

/// Where the heap begins, unless the description takes more.
const HEAP: usize = 512 << 10;

/// Memory of a guest from [`BASE`] on.
#[derive(Default)]
struct Image {
    bytes: Vec<u8>,
}

impl Image {
    fn put(&mut self, bytes: &[u8]) -> u32 {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        let at = BASE + u32::try_from(self.bytes.len()).unwrap();
        self.bytes.extend_from_slice(bytes);
        at
    }

    fn words(&mut self, words: &[u32]) -> u32 {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.put(&bytes)
    }

    fn string(&mut self, text: &str) -> [u32; 2] {
        [self.put(text.as_bytes()), text.len().try_into().unwrap()]
    }

    fn list<T>(
        &mut self,
        items: &[T],
        mut item: impl FnMut(&mut Self, &T) -> Vec<u32>,
    ) -> [u32; 2] {
        let words: Vec<u32> = items.iter().flat_map(|value| item(self, value)).collect();
        [self.words(&words), items.len().try_into().unwrap()]
    }

    fn strings(&mut self, texts: &[String]) -> [u32; 2] {
        self.list(texts, |image, text| image.string(text).to_vec())
    }

    /// Lays out `list<rule>` and the pair that points to it.
    fn description(&mut self, rules: &[GuestRule]) -> u32 {
        let list = self.list(rules, Self::rule);
        self.words(&list)
    }

    fn rule(&mut self, rule: &GuestRule) -> Vec<u32> {
        let mut words = Vec::new();
        words.extend(self.string(&rule.id));
        words.extend(self.string(&rule.signal));
        words.push(u32::from(rule.severity));
        words.extend(self.string("what must hold"));
        words.extend(self.list(&rule.message, |image, part| {
            match part {
                Err(text) => [vec![0], image.string(text).to_vec(), vec![0, 0]].concat(),
                Ok([name, key]) => [
                    vec![1],
                    image.string(name).to_vec(),
                    image.string(key).to_vec(),
                ]
                .concat(),
            }
        }));
        words.extend(self.strings(&["C 1".into()]));
        words.extend([0, 0]);
        words.extend(self.strings(&rule.names));
        words.push(u32::from(rule.all_spans));
        words.extend(self.list(&rule.any_of, |image, group| image.strings(group).to_vec()));
        words.push(u32::from(rule.otherwise));
        words.extend(self.list(&rule.reads, |image, want| {
            want.iter().flat_map(|part| image.string(part)).collect()
        }));
        words.extend(self.strings(&rule.literals));
        words.push(u32::from(rule.facts));
        words
    }
}
