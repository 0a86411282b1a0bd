//! The function and what it declares, as a value.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, Error, Expr, ExprLit, ItemFn, Lit, LitStr, Meta, Result};

use crate::{
    arguments::{Arguments, check_id},
    message::{self, Part},
    reads,
};

/// Makes a rule of a function.
pub(crate) fn rule(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let arguments = Arguments::read(arguments)?;
    let function: ItemFn = syn::parse2(item)?;
    check_signature(&function)?;
    let name = &function.sig.ident;
    let id = id(&arguments, name)?;
    let signal = arguments
        .signal
        .as_ref()
        .map_or_else(|| id.clone(), LitStr::value);
    let severity = severity(arguments.severity.as_ref());
    let summary = arguments
        .summary
        .as_ref()
        .map_or_else(|| documented(&function.attrs), LitStr::value);
    let message = message(arguments.message.as_ref(), &arguments.spans)?;
    let Arguments {
        controls,
        spans,
        any_of,
        literals,
        facts,
        ..
    } = &arguments;
    let labels = arguments
        .labels
        .iter()
        .map(|(key, value)| quote!((#key, #value)));
    let any_of = any_of.iter().map(|group| quote!(&[#(#group),*]));
    let is_held = arguments
        .otherwise
        .as_ref()
        .is_some_and(|word| word.value() == "held");
    let otherwise = word(if is_held { "Held" } else { "NotApplicable" });
    let reads = reads::columns(&arguments.attributes, &arguments.reads)?;
    let all_spans = arguments.all_spans || spans.is_empty();

    let value = quote! {
        ::betrace_rules::Rule {
            id: #id,
            signal: #signal,
            severity: ::betrace_rules::Severity::#severity,
            summary: #summary,
            message: &[#(#message),*],
            controls: &[#(#controls),*],
            labels: &[#(#labels),*],
            names: &[#(#spans),*],
            all_spans: #all_spans,
            any_of: &[#(#any_of),*],
            otherwise: ::betrace_rules::rule::Otherwise::#otherwise,
            reads: &[#(#reads),*],
            literals: &[#(#literals),*],
            facts: #facts,
            judge: #name,
        }
    };
    Ok(put_in(&function, &value))
}

/// Puts the function into the value that it becomes.
fn put_in(function: &ItemFn, value: &TokenStream) -> TokenStream {
    let name = &function.sig.ident;
    let visibility = &function.vis;
    let is_doc = |attribute: &&Attribute| attribute.path().is_ident("doc");
    let documentation = function.attrs.iter().filter(is_doc);
    let others = function.attrs.iter().filter(|attribute| !is_doc(attribute));
    let mut inner = function.clone();
    inner.attrs.clear();
    inner.vis = syn::Visibility::Inherited;
    quote! {
        #(#documentation)*
        #[allow(non_upper_case_globals, reason = "a rule has the name of its function")]
        #visibility static #name: ::betrace_rules::Rule = {
            #(#others)*
            #inner
            #value
        };
    }
}

/// Returns the id that is given, or the one that the function's name makes.
fn id(arguments: &Arguments, name: &Ident) -> Result<String> {
    if let Some(id) = &arguments.id {
        return Ok(id.value());
    }
    let id = name.to_string().trim_start_matches("r#").replace('_', "-");
    check_id(&id, name.span())?;
    Ok(id)
}

fn check_signature(function: &ItemFn) -> Result<()> {
    let signature = &function.sig;
    let wrong = signature.inputs.len() != 1
        || signature.asyncness.is_some()
        || !signature.generics.params.is_empty()
        || matches!(signature.output, syn::ReturnType::Default);
    if wrong {
        let what = "a rule is a function from a trace to a verdict: `fn name(trace: Trace<'_>) -> Verdict`";
        return Err(Error::new_spanned(signature, what));
    }
    Ok(())
}

fn severity(written: Option<&LitStr>) -> Ident {
    let written = written.map_or_else(|| "medium".to_owned(), LitStr::value);
    let mut chars = written.chars();
    let first = chars.next().map(|char| char.to_ascii_uppercase());
    word(&first.into_iter().chain(chars).collect::<String>())
}

fn word(text: &str) -> Ident {
    Ident::new(text, Span::call_site())
}

/// Returns the first paragraph of a documentation, on one line.
fn documented(attributes: &[Attribute]) -> String {
    let mut summary = String::new();
    for attribute in attributes {
        let Meta::NameValue(pair) = &attribute.meta else {
            continue;
        };
        let Expr::Lit(ExprLit {
            lit: Lit::Str(line),
            ..
        }) = &pair.value
        else {
            continue;
        };
        if !attribute.path().is_ident("doc") {
            continue;
        }
        let line = line.value();
        if line.trim().is_empty() && !summary.is_empty() {
            break;
        }
        if !summary.is_empty() {
            summary.push(' ');
        }
        summary.push_str(line.trim());
    }
    summary
}

fn message(text: Option<&LitStr>, spans: &[LitStr]) -> Result<Vec<TokenStream>> {
    let Some(text) = text else {
        return Ok(Vec::new());
    };
    let names: Vec<String> = spans.iter().map(LitStr::value).collect();
    let parts =
        message::parts(&text.value(), &names).map_err(|what| Error::new(text.span(), what))?;
    Ok(parts.iter().map(ToTokens::to_token_stream).collect())
}

impl ToTokens for Part {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend(match self {
            Self::Text(text) => quote!(::betrace_rules::rule::MessagePart::Text(#text)),
            Self::Value { name, key } => {
                quote!(::betrace_rules::rule::MessagePart::Value { name: #name, key: #key })
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::rule;

    #[test]
    fn a_mistake_is_told_with_what_to_write() {
        let function = quote!(
            fn r(trace: Trace<'_>) -> Verdict {
                Verdict::Held
            }
        );
        let cases = [
            (quote!(id = "R"), "the id `R` is not"),
            (
                quote!(severity = "bad"),
                "there is no severity `bad`: they are info, low",
            ),
            (
                quote!(span = ["a"]),
                "a rule has no argument `span`: they are id, signal",
            ),
            (quote!(spans = ["a", "a"]), "`a` is twice in `spans`"),
            (quote!(id = "a", id = "b"), "`id` is given twice"),
            (
                quote!(attributes = ["a" as symbl]),
                "there is no form `symbl`: they are text, symbol",
            ),
            (quote!(attributes = [""]), "an attribute has a key"),
            (
                quote!(reads = [strt]),
                "there is nothing to read called `strt`: there are name, kind",
            ),
            (quote!(any_of = [["a"]]), "add \"a\" to `spans`"),
            (quote!(spans = ["a"], any_of = [[]]), "a group of no names"),
            (quote!(otherwise = "held"), "there is no `any_of`"),
            (quote!(message = "{"), "write `{{` for a brace"),
            (quote!(spans = "a"), "expected a list in brackets"),
            (quote!(signal = ""), "a signal has a name"),
        ];
        for (arguments, expected) in cases {
            let shown = arguments.to_string();
            let error = rule(arguments, function.clone()).unwrap_err().to_string();
            assert!(error.contains(expected), "{shown}: {error}");
        }
        let two = quote!(
            fn r(trace: Trace<'_>, more: u8) -> Verdict {}
        );
        let error = rule(quote!(), two).unwrap_err().to_string();
        assert!(error.contains("from a trace to a verdict"), "{error}");
    }

    #[test]
    fn what_is_not_said_comes_from_the_function() {
        let function = quote!(
            /// Every order
            /// is paid.
            ///
            /// More of it.
            pub fn order_paid(trace: Trace<'_>) -> Verdict {
                Verdict::Held
            }
        );
        let made = rule(quote!(), function).unwrap().to_string();
        for part in [
            "id : \"order-paid\"",
            "signal : \"order-paid\"",
            "Severity :: Medium",
            "all_spans : true",
        ] {
            assert!(made.contains(part), "{part}: {made}");
        }
        assert!(
            made.contains("summary : \"Every order is paid.\""),
            "{made}"
        );
        assert!(made.contains("pub static order_paid"), "{made}");
    }
}
