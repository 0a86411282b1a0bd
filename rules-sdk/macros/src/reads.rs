//! What a rule reads, as it is declared, to the columns of the contract.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Error, Ident, LitStr, Result, Token,
    parse::{Parse, ParseStream},
};

/// An attribute in a form: `"key"` or `"key" as form`.
pub(crate) struct AttributeRead {
    pub(crate) scope: Scope,
    key: LitStr,
    form: &'static str,
}

/// Whose attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Any,
    Span,
    Resource,
    Instrumentation,
    Event,
    Link,
}

/// The forms of attributes, as they are written and as they are called in Rust.
const FORMS: [(&str, &str); 5] = [
    ("text", "Text"),
    ("symbol", "Symbol"),
    ("number", "Number"),
    ("truth", "Truth"),
    ("value", "Value"),
];

/// What is no attribute, as it is written, as it is called in Rust, and in which form it is read.
const INTRINSICS: [(&str, &str, &str); 21] = [
    ("name", "Name", "Text"),
    ("kind", "Kind", "Value"),
    ("status", "Status", "Value"),
    ("status_message", "StatusMessage", "Text"),
    ("start", "Start", "Value"),
    ("end", "End", "Value"),
    ("duration", "Duration", "Value"),
    ("id", "Id", "Text"),
    ("parent_id", "ParentId", "Text"),
    ("parent", "Parent", "Value"),
    ("children", "Children", "Value"),
    ("depth", "Depth", "Value"),
    ("self_duration", "SelfDuration", "Value"),
    ("scope_name", "ScopeName", "Text"),
    ("scope_version", "ScopeVersion", "Text"),
    ("events", "EventEnds", "Value"),
    ("event_name", "EventName", "Text"),
    ("event_time", "EventTime", "Value"),
    ("links", "LinkEnds", "Value"),
    ("link_trace_id", "LinkTraceId", "Text"),
    ("link_span_id", "LinkSpanId", "Text"),
];

impl Parse for AttributeRead {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let key: LitStr = input.parse()?;
        if key.value().is_empty() {
            return Err(Error::new(key.span(), "an attribute has a key"));
        }
        let mut form = "Text";
        if input.peek(Token![as]) {
            input.parse::<Token![as]>()?;
            let word: Ident = input.parse()?;
            let known = FORMS.iter().find(|(written, _)| word == written);
            form = known.map(|(_, form)| *form).ok_or_else(|| {
                let forms: Vec<&str> = FORMS.iter().map(|(written, _)| *written).collect();
                let forms = forms.join(", ");
                Error::new(
                    word.span(),
                    format!("there is no form `{word}`: they are {forms}"),
                )
            })?;
        }
        Ok(Self {
            scope: Scope::Any,
            key,
            form,
        })
    }
}

impl Scope {
    /// Returns whose attributes an argument declares.
    pub(crate) fn of(argument: &str) -> Option<Self> {
        Some(match argument {
            "attributes" => Self::Any,
            "span_attributes" => Self::Span,
            "resource_attributes" => Self::Resource,
            "scope_attributes" => Self::Instrumentation,
            "event_attributes" => Self::Event,
            "link_attributes" => Self::Link,
            _ => return None,
        })
    }

    fn source(self) -> &'static str {
        match self {
            Self::Any => "Attribute",
            Self::Span => "SpanAttribute",
            Self::Resource => "ResourceAttribute",
            Self::Instrumentation => "ScopeAttribute",
            Self::Event => "EventAttribute",
            Self::Link => "LinkAttribute",
        }
    }
}

/// Returns the columns of a rule, as Rust.
pub(crate) fn columns(
    attributes: &[AttributeRead],
    intrinsics: &[Ident],
) -> Result<Vec<TokenStream>> {
    let mut columns = Vec::with_capacity(attributes.len() + intrinsics.len());
    for read in attributes {
        columns.push(column(read.scope.source(), Some(&read.key), read.form));
    }
    for word in intrinsics {
        let Some((_, source, form)) = INTRINSICS.iter().find(|(written, _, _)| word == written)
        else {
            let known: Vec<&str> = INTRINSICS.iter().map(|(written, _, _)| *written).collect();
            let known = known.join(", ");
            let what = format!(
                "there is nothing to read called `{word}`: there are {known}; attributes are declared by `attributes`"
            );
            return Err(Error::new(word.span(), what));
        };
        columns.push(column(source, None, form));
    }
    Ok(columns)
}

fn column(source: &str, key: Option<&LitStr>, form: &str) -> TokenStream {
    let source = Ident::new(source, proc_macro2::Span::call_site());
    let form = Ident::new(form, proc_macro2::Span::call_site());
    let key = key.map_or_else(String::new, LitStr::value);
    quote!(::betrace_rules::rule::Read {
        source: ::betrace_rules::rule::Source::#source,
        key: #key,
        form: ::betrace_rules::rule::Form::#form,
    })
}
