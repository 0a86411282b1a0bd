//! What the fuzz targets do with their bytes; tests do it with random bytes too.
//!
//! `cargo xtask fuzz` runs the targets, which are in `tests/fuzz`.

mod otlp;

pub use otlp::decode_otlp;

use betrace_dsl::{check, compile, format};
use wasmparser::{Validator, WasmFeatures};

use crate::{
    agreement::{agree, is_refused, source},
    generated::{Choices, pack, rule, trace},
};

/// Any bytes are answered: with a component, or with errors that lie within them.
pub fn parse(bytes: &[u8]) {
    let source = betrace_dsl::Source {
        name: "fuzz.btr",
        text: bytes,
    };
    let (compiled, diagnostics) = compile(&source);
    let is_wrong = diagnostics.iter().any(betrace_dsl::Diagnostic::is_error);
    assert_eq!(compiled.is_none(), is_wrong, "{diagnostics:?}");
    for diagnostic in &diagnostics {
        let span = diagnostic.primary.span;
        assert!(span.start <= span.end, "{diagnostic:?}");
        assert!(span.end as usize <= bytes.len(), "{diagnostic:?}");
    }
    if compiled.is_some() {
        let found = check(&source);
        assert_eq!(found, diagnostics);
    }
}

/// What compiles is a valid component, the same each time. The bytes are a source, or choices of which one is made.
pub fn compile_and_validate(bytes: &[u8]) {
    let text = text(bytes);
    let (compiled, _) = compile(&source(&text));
    let Some(compiled) = compiled else {
        return;
    };
    let features = WasmFeatures::default() | WasmFeatures::COMPONENT_MODEL;
    let mut validator = Validator::new_with_features(features);
    let refused = validator.validate_all(&compiled.component).err();
    assert!(refused.is_none(), "{refused:?}\n{text}");
    let (again, _) = compile(&source(&text));
    assert_eq!(again, Some(compiled), "{text}");
}

/// A rule and a trace, made of the bytes, have the same verdict from the component and from the oracle.
pub fn oracle_agreement(bytes: &[u8]) {
    let mut choices = Choices::of_bytes(bytes);
    let (rule, trace) = (rule(&mut choices), trace(&mut choices));
    if is_refused(&rule) {
        return;
    }
    let agreed = agree(&rule, &trace);
    assert!(agreed.is_ok(), "{}{trace:#?}\n{agreed:?}", pack(&[rule]));
}

/// What is laid out says the same, and is laid out as it is.
pub fn format_round_trip(bytes: &[u8]) {
    let text = text(bytes);
    let Ok(laid_out) = format(&source(&text)) else {
        return;
    };
    let again = format(&source(&laid_out));
    assert_eq!(again.as_ref(), Ok(&laid_out), "{text}");
    let (before, after) = (compile(&source(&text)).0, compile(&source(&laid_out)).0);
    assert_eq!(before, after, "{text}\nbecame\n{laid_out}");
}

/// The bytes as a source, if they may be one; else a source that is made of them.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.contains('{') || text.contains('(') => text.to_owned(),
        Ok(_) | Err(_) => {
            let mut choices = Choices::of_bytes(bytes);
            let n = 1 + choices.below(3);
            let rules: Vec<_> = (0..n).map(|_| rule(&mut choices)).collect();
            pack(&rules)
        }
    }
}
