//! The arguments of the attribute, each checked where it stands.

use proc_macro2::{Span, TokenStream};
use syn::{
    Error, Ident, LitStr, Result, Token, bracketed,
    parse::{Parse, ParseStream, Parser},
    punctuated::Punctuated,
};

use crate::reads::{AttributeRead, Scope};

/// The names of all arguments, for whoever mistypes one.
const KNOWN: [&str; 20] = [
    "id",
    "signal",
    "severity",
    "summary",
    "message",
    "controls",
    "labels",
    "spans",
    "all_spans",
    "any_of",
    "otherwise",
    "attributes",
    "span_attributes",
    "resource_attributes",
    "scope_attributes",
    "event_attributes",
    "link_attributes",
    "reads",
    "literals",
    "facts",
];

/// The severities, as they are written.
const SEVERITIES: [&str; 5] = ["info", "low", "medium", "high", "critical"];

/// The longest id in bytes, as the host has it.
const ID_BYTES_MAX: usize = 128;

/// What the attribute says.
#[derive(Default)]
pub(crate) struct Arguments {
    pub(crate) id: Option<LitStr>,
    pub(crate) signal: Option<LitStr>,
    pub(crate) severity: Option<LitStr>,
    pub(crate) summary: Option<LitStr>,
    pub(crate) message: Option<LitStr>,
    pub(crate) controls: Vec<LitStr>,
    pub(crate) labels: Vec<(LitStr, LitStr)>,
    pub(crate) spans: Vec<LitStr>,
    pub(crate) all_spans: bool,
    pub(crate) any_of: Vec<Vec<LitStr>>,
    pub(crate) otherwise: Option<LitStr>,
    pub(crate) attributes: Vec<AttributeRead>,
    pub(crate) reads: Vec<Ident>,
    pub(crate) literals: Vec<LitStr>,
    pub(crate) facts: bool,
}

impl Arguments {
    /// Reads the arguments and checks what can be told from them alone.
    pub(crate) fn read(tokens: TokenStream) -> Result<Self> {
        let arguments = Self::parse.parse2(tokens)?;
        arguments.check()?;
        Ok(arguments)
    }

    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut arguments = Self::default();
        let mut seen: Vec<String> = Vec::new();
        while !input.is_empty() {
            let name: Ident = input.parse()?;
            let word = name.to_string();
            if seen.contains(&word) {
                return Err(Error::new(name.span(), format!("`{word}` is given twice")));
            }
            arguments.argument(&word, name.span(), input)?;
            seen.push(word);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(arguments)
    }

    fn argument(&mut self, word: &str, at: Span, input: ParseStream<'_>) -> Result<()> {
        match word {
            "all_spans" => self.all_spans = true,
            "facts" => self.facts = true,
            _ if !KNOWN.contains(&word) => return Err(unknown(word, at)),
            _ => {
                if !input.peek(Token![=]) {
                    return Err(input.error(format!("expected `=` and the value of `{word}`")));
                }
                input.parse::<Token![=]>()?;
                self.value(word, input)?;
            }
        }
        Ok(())
    }

    fn value(&mut self, word: &str, input: ParseStream<'_>) -> Result<()> {
        match word {
            "id" => self.id = Some(input.parse()?),
            "signal" => self.signal = Some(input.parse()?),
            "severity" => self.severity = Some(input.parse()?),
            "summary" => self.summary = Some(input.parse()?),
            "message" => self.message = Some(input.parse()?),
            "otherwise" => self.otherwise = Some(input.parse()?),
            "controls" => self.controls = list(input)?,
            "spans" => self.spans = list(input)?,
            "literals" => self.literals = list(input)?,
            "reads" => self.reads = list(input)?,
            "labels" => {
                let labels: Vec<Label> = list(input)?;
                self.labels = labels.into_iter().map(|label| (label.0, label.1)).collect();
            }
            "any_of" => {
                let groups: Vec<Group> = list(input)?;
                self.any_of = groups.into_iter().map(|group| group.0).collect();
            }
            _ => {
                let scope = Scope::of(word).ok_or_else(|| unknown(word, input.span()))?;
                let mut reads: Vec<AttributeRead> = list(input)?;
                for read in &mut reads {
                    read.scope = scope;
                }
                self.attributes.extend(reads);
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        if let Some(id) = &self.id {
            check_id(&id.value(), id.span())?;
        }
        if let Some(signal) = self.signal.as_ref().filter(|text| text.value().is_empty()) {
            return Err(Error::new(signal.span(), "a signal has a name"));
        }
        if let Some(severity) = &self.severity {
            check_word(severity, "severity", &SEVERITIES)?;
        }
        if let Some(otherwise) = &self.otherwise {
            check_word(otherwise, "verdict", &["not_applicable", "held"])?;
            if self.any_of.is_empty() {
                let what = "`otherwise` is the verdict of traces that `any_of` rules out, and there is no `any_of`";
                return Err(Error::new(otherwise.span(), what));
            }
        }
        for name in self.any_of.iter().flatten() {
            if !self.spans.iter().any(|span| span.value() == name.value()) {
                let what = format!(
                    "add \"{}\" to `spans`: any_of speaks of names that are declared",
                    name.value()
                );
                return Err(Error::new(name.span(), what));
            }
        }
        check_once("spans", &self.spans)?;
        check_once("literals", &self.literals)?;
        Ok(())
    }
}

/// Checks an id as the host does: 1 to 128 of `a-z`, `0-9`, `-`, `_` and `.`, beginning with a letter or digit.
pub(crate) fn check_id(id: &str, at: Span) -> Result<()> {
    let is_inner =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    let first = id.bytes().next().unwrap_or(b'-');
    let is_good =
        id.len() <= ID_BYTES_MAX && id.bytes().all(is_inner) && first.is_ascii_alphanumeric();
    if is_good {
        return Ok(());
    }
    let what = format!(
        "the id `{id}` is not 1 to {ID_BYTES_MAX} of `a-z`, `0-9`, `-`, `_` and `.`, beginning with a letter or digit"
    );
    Err(Error::new(at, what))
}

fn check_word(word: &LitStr, what: &str, known: &[&str]) -> Result<()> {
    let text = word.value();
    if known.contains(&text.as_str()) {
        return Ok(());
    }
    let known = known.join(", ");
    Err(Error::new(
        word.span(),
        format!("there is no {what} `{text}`: they are {known}"),
    ))
}

fn check_once(what: &str, words: &[LitStr]) -> Result<()> {
    for (place, word) in words.iter().enumerate() {
        if words
            .iter()
            .take(place)
            .any(|before| before.value() == word.value())
        {
            return Err(Error::new(
                word.span(),
                format!("`{}` is twice in `{what}`", word.value()),
            ));
        }
    }
    Ok(())
}

fn unknown(word: &str, at: Span) -> Error {
    let known = KNOWN.join(", ");
    Error::new(
        at,
        format!("a rule has no argument `{word}`: they are {known}"),
    )
}

/// Reads `[a, b]`.
fn list<T: Parse>(input: ParseStream<'_>) -> Result<Vec<T>> {
    if !input.peek(syn::token::Bracket) {
        return Err(input.error("expected a list in brackets"));
    }
    let content;
    bracketed!(content in input);
    let items = Punctuated::<T, Token![,]>::parse_terminated(&content)?;
    Ok(items.into_iter().collect())
}

/// A group of names.
struct Group(Vec<LitStr>);

impl Parse for Group {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let names: Vec<LitStr> = list(input)?;
        if names.is_empty() {
            return Err(input.error("a group of no names rules every trace out"));
        }
        Ok(Self(names))
    }
}

/// A label: `"key" = "value"`.
struct Label(LitStr, LitStr);

impl Parse for Label {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let key = input.parse()?;
        input.parse::<Token![=]>()?;
        Ok(Self(key, input.parse()?))
    }
}
