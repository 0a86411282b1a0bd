//! Rules for `BeTrace` in Rust: what must hold in every OpenTelemetry trace, as a WebAssembly component.
//!
//! ```
//! use betrace_rules::prelude::*;
//!
//! /// Every read of PHI is audited.
//! #[betrace_rules::rule(id = "phi-audit", signal = "HIPAA_164_312_b_VIOLATION", severity = "critical",
//!                       controls = ["HIPAA 164.312(b)"], spans = ["phi.access", "audit.log"], attributes = ["user.id"])]
//! fn phi_audit(trace: Trace<'_>) -> Verdict {
//!     let audited: HashSet<_> = trace.named("audit.log").filter_map(|s| s.text("user.id")).collect();
//!     trace.named("phi.access").every(|s| s.text("user.id").is_some_and(|u| audited.contains(u)))
//! }
//!
//! betrace_rules::pack![phi_audit];
//!
//! // Under `cargo test`, with the feature `testing`:
//! use betrace_rules::testing::{judge, span, trace, violated};
//! let read = |user| span("phi.access").with("user.id", user);
//! let found = judge(&phi_audit, &trace([read("u1"), read("u2"), span("audit.log").with("user.id", "u1")]));
//! assert_eq!(found, violated([1]));
//! ```
//!
//! | step | module |
//! |---|---|
//! | a function and its declaration become a [`Rule`] | the attribute [`macro@rule`] |
//! | what the rule sees: views over the host's columns, copied nowhere | [`Trace`], [`Span`], [`Attributes`] |
//! | what it says: spans that break it become a [`Verdict`] | [`Judge`], [`Verdict`] |
//! | several rules become a component's two functions | [`pack!`] |
//! | traces are made and judged natively, or by the component | `testing` |
//!
//! What a rule reads is declared, since the host shows nothing else: a read that is not declared is an error in tests
//! and `None` in production. A rule can compute, and nothing else: no clock, no network, no memory of an earlier trace.
//! `betrace build` makes the component; its host cannot tell it from one of the rule language.
//!
//! Not covered: the elements of arrays and key-value lists, of which only the number is shown.

extern crate self as betrace_rules;

#[expect(clippy::same_length_and_capacity, reason = "wit-bindgen writes it")]
#[doc(hidden)]
pub mod bindings;

mod attributes;
mod collections;
mod column;
mod judge;
#[doc(hidden)]
pub mod pack;
#[doc(hidden)]
pub mod rule;
mod span;
#[cfg(feature = "testing")]
pub mod testing;
mod trace;
mod verdict;

pub use attributes::{Attributes, Number, Symbol, Value};
pub use betrace_rules_macros::rule;
pub use collections::{HashMap, HashSet, WordHasher};
pub use judge::Judge;
pub use rule::{Rule, Severity};
pub use span::{Event, Kind, Link, Span, Status};
pub use trace::{Facts, Named, Spans, Trace};
pub use verdict::{Clause, Verdict, Violation};

/// What nearly every rule uses.
pub mod prelude {
    pub use crate::{
        Attributes, Clause, Event, Facts, HashMap, HashSet, Judge, Kind, Link, Number, Span,
        Status, Symbol, Trace, Verdict,
    };
}

/// Exports rules as a pack, in this order: `pack![phi_audit, orders::paid]`. Once in a crate, at its root.
///
/// Natively it is `PACK`, the list of the rules.
#[macro_export]
macro_rules! pack {
    ($($rule:path),+ $(,)?) => {
        /// The rules of this pack.
        pub static PACK: &[&$crate::Rule] = &[$(&$rule),+];

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::bindings::exports::betrace::rules::pack::{Batch, Findings, Guest, Rule};

            struct Pack;

            impl Guest for Pack {
                fn describe() -> ::std::vec::Vec<Rule> {
                    $crate::pack::describe(PACK)
                }

                fn evaluate(rules: ::std::vec::Vec<u32>, batch: Batch) -> Findings {
                    $crate::pack::evaluate(PACK, &rules, &batch)
                }
            }

            $crate::bindings::export_pack!(Pack with_types_in $crate::bindings);
        };
    };
}
