//! The attribute `rule` of betrace-rules, which documents it and re-exports it.
//!
//! | step | module |
//! |---|---|
//! | the arguments, each checked where it stands | `arguments`, `reads` |
//! | the text of a message, into what stands and what is filled in | `message` |
//! | the function becomes a value that holds it and what it declares | `emit` |
#![forbid(unsafe_code)]

use proc_macro::TokenStream;

mod arguments;
mod emit;
mod message;
mod reads;

/// Makes a rule of a function from `Trace<'_>` to `Verdict`: a value of type `Rule` of the same name.
///
/// | argument | says |
/// |---|---|
/// | `id = "phi-audit"` | unique within a tenant; else the function's name, with `-` for `_` |
/// | `signal = "…"` | the name under which a violation is reported; else the id |
/// | `severity = "critical"` | `info`, `low`, `medium` (where nothing is said), `high` or `critical` |
/// | `summary = "…"` | what must hold, in a sentence; else the function's documentation |
/// | `message = "read by {phi.access.user.id}"` | what a violation says: in braces the name of a span and a key, or a key of the first witness; `{{` and `}}` stand for braces |
/// | `controls = ["HIPAA 164.312(b)"]` | what it gives evidence for |
/// | `labels = ["team" = "ehr"]` | free labels |
/// | `spans = ["phi.access"]` | the names of the spans that it speaks of; without any it sees all spans |
/// | `all_spans` | it sees spans of other names too |
/// | `any_of = [["phi.access"]]` | a complete trace without a span of each group is not judged; must be sound, which tests check |
/// | `otherwise = "held"` | the verdict of such a trace, if not `not_applicable` |
/// | `attributes = ["user.id", "amount" as number]` | the attributes that it reads, of a span or else its resource; as `text` where nothing is said, else as `symbol`, `number`, `truth` or `value` |
/// | `span_attributes`, `resource_attributes`, `scope_attributes`, `event_attributes`, `link_attributes` | the same of one of these alone |
/// | `reads = [start, parent]` | what else it reads: `name`, `kind`, `status`, `status_message`, `start`, `end`, `duration`, `id`, `parent_id`, `parent`, `children`, `depth`, `self_duration`, `scope_name`, `scope_version`, `events`, `event_name`, `event_time`, `links`, `link_trace_id`, `link_span_id` |
/// | `literals = ["SELECT"]` | the texts that attributes are compared with by `has` |
/// | `facts` | it answers for incomplete traces itself |
///
/// A mistake is an error at its place.
#[proc_macro_attribute]
pub fn rule(arguments: TokenStream, item: TokenStream) -> TokenStream {
    emit::rule(arguments.into(), item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
