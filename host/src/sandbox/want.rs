//! The columns that a rule may ask for: the table of `record want` in `wit/pack.wit`, as a type.

use crate::trace::Facts;

/// One column that a rule reads, in one form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Want {
    /// What is asked about.
    pub column: WantColumn,
    /// In which form it is answered.
    pub form: Form,
}

/// What is asked about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum WantColumn {
    /// The name of a span.
    SpanName,
    /// A text that is no attribute.
    Text(TextColumn),
    /// A number that is no attribute.
    Fixed(FixedColumn),
    /// An attribute by its whole key.
    Attribute {
        /// Whose.
        scope: WantScope,
        /// Its key.
        key: String,
    },
    /// The elements of arrays and key-value lists.
    ElementValue,
}

/// Texts that are no attributes. A missing one is empty at its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named as in the table of `wit/pack.wit`")]
pub enum TextColumn {
    StatusMessage,
    SpanId,
    ParentId,
    ScopeName,
    ScopeVersion,
    EventName,
    LinkTraceId,
    LinkSpanId,
    ElementKey,
}

/// Numbers that are no attributes: always there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named as in the table of `wit/pack.wit`")]
pub enum FixedColumn {
    Kind,
    Status,
    Start,
    End,
    Duration,
    Parent,
    Children,
    Depth,
    SelfDuration,
    EventEnds,
    EventTime,
    LinkEnds,
}

/// Whose attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WantScope {
    /// The span's.
    Span,
    /// That of the span's resource.
    Resource,
    /// That of the span's instrumentation scope.
    Scope,
    /// The span's, or the resource's where the span has none.
    Any,
    /// An event's.
    Event,
    /// A link's.
    Link,
}

/// In which form a column is answered; see `record want`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "described in `wit/pack.wit`")]
pub enum Form {
    Declared,
    Symbol,
    Truth,
    Number,
    Text,
    Value,
}

/// The tables of a batch; the numbers are those of `record column`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Table {
    /// Spans.
    Spans = 0,
    /// Events.
    Events = 1,
    /// Links.
    Links = 2,
    /// Elements of arrays and key-value lists.
    Elements = 3,
}

impl Want {
    /// Parses a want; `None` where the table does not have it.
    pub fn parse(what: &str, key: &str, form: &str) -> Option<Self> {
        let form = Form::parse(form)?;
        let column = WantColumn::parse(what, key)?;
        column.has_form(form).then_some(Self { column, form })
    }
}

impl Form {
    fn parse(form: &str) -> Option<Self> {
        Some(match form {
            "declared" => Self::Declared,
            "symbol" => Self::Symbol,
            "truth" => Self::Truth,
            "number" => Self::Number,
            "text" => Self::Text,
            "value" => Self::Value,
            _ => return None,
        })
    }
}

impl WantColumn {
    fn parse(what: &str, key: &str) -> Option<Self> {
        let attribute = |scope| {
            Some(Self::Attribute {
                scope,
                key: key.to_owned(),
            })
        };
        match what {
            "span.attribute" => return attribute(WantScope::Span),
            "resource.attribute" => return attribute(WantScope::Resource),
            "scope.attribute" => return attribute(WantScope::Scope),
            "any.attribute" => return attribute(WantScope::Any),
            "event.attribute" => return attribute(WantScope::Event),
            "link.attribute" => return attribute(WantScope::Link),
            _ => {}
        }
        Some(match (what, key) {
            ("span", "name") => Self::SpanName,
            ("span", "status-message") => Self::Text(TextColumn::StatusMessage),
            ("span", "id") => Self::Text(TextColumn::SpanId),
            ("span", "parent-id") => Self::Text(TextColumn::ParentId),
            ("scope", "name") => Self::Text(TextColumn::ScopeName),
            ("scope", "version") => Self::Text(TextColumn::ScopeVersion),
            ("event", "name") => Self::Text(TextColumn::EventName),
            ("link", "trace-id") => Self::Text(TextColumn::LinkTraceId),
            ("link", "span-id") => Self::Text(TextColumn::LinkSpanId),
            ("element", "key") => Self::Text(TextColumn::ElementKey),
            ("span", "kind") => Self::Fixed(FixedColumn::Kind),
            ("span", "status") => Self::Fixed(FixedColumn::Status),
            ("span", "start") => Self::Fixed(FixedColumn::Start),
            ("span", "end") => Self::Fixed(FixedColumn::End),
            ("span", "duration") => Self::Fixed(FixedColumn::Duration),
            ("span", "parent") => Self::Fixed(FixedColumn::Parent),
            ("span", "children") => Self::Fixed(FixedColumn::Children),
            ("span", "depth") => Self::Fixed(FixedColumn::Depth),
            ("span", "self-duration") => Self::Fixed(FixedColumn::SelfDuration),
            ("event", "ends") => Self::Fixed(FixedColumn::EventEnds),
            ("event", "time") => Self::Fixed(FixedColumn::EventTime),
            ("link", "ends") => Self::Fixed(FixedColumn::LinkEnds),
            ("element", "value") => Self::ElementValue,
            _ => return None,
        })
    }

    fn has_form(&self, form: Form) -> bool {
        match self {
            Self::SpanName => matches!(form, Form::Declared | Form::Symbol | Form::Text),
            Self::Text(_) => matches!(form, Form::Symbol | Form::Text),
            Self::Fixed(_) => form == Form::Value,
            Self::Attribute { .. } | Self::ElementValue => form != Form::Declared,
        }
    }

    /// Returns the table whose rows the column describes.
    pub fn table(&self) -> Table {
        match self {
            Self::Text(column) => column.table(),
            Self::Fixed(FixedColumn::EventTime) => Table::Events,
            Self::SpanName | Self::Fixed(_) => Table::Spans,
            Self::Attribute { scope, .. } => match scope {
                WantScope::Span | WantScope::Resource | WantScope::Scope | WantScope::Any => {
                    Table::Spans
                }
                WantScope::Event => Table::Events,
                WantScope::Link => Table::Links,
            },
            Self::ElementValue => Table::Elements,
        }
    }
}

impl FixedColumn {
    /// Returns what a dropped part of a trace does to this column, as bits of [`Facts`].
    pub fn may_miss(self) -> u8 {
        match self {
            Self::EventEnds | Self::EventTime => Facts::EVENTS_DROPPED,
            Self::LinkEnds => Facts::LINKS_DROPPED,
            Self::Kind
            | Self::Status
            | Self::Start
            | Self::End
            | Self::Duration
            | Self::Parent
            | Self::Children
            | Self::Depth
            | Self::SelfDuration => 0,
        }
    }
}

impl TextColumn {
    /// Returns what a dropped part of a trace does to this column, as bits of [`Facts`].
    pub fn may_miss(self) -> u8 {
        match self {
            Self::EventName => Facts::EVENTS_DROPPED,
            Self::LinkTraceId | Self::LinkSpanId => Facts::LINKS_DROPPED,
            Self::ElementKey => Facts::ATTRIBUTES_DROPPED,
            Self::StatusMessage
            | Self::SpanId
            | Self::ParentId
            | Self::ScopeName
            | Self::ScopeVersion => 0,
        }
    }

    fn table(self) -> Table {
        match self {
            Self::StatusMessage
            | Self::SpanId
            | Self::ParentId
            | Self::ScopeName
            | Self::ScopeVersion => Table::Spans,
            Self::EventName => Table::Events,
            Self::LinkTraceId | Self::LinkSpanId => Table::Links,
            Self::ElementKey => Table::Elements,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_contract_is_what_parses() {
        // The rows of the table in the contract, in its own words.
        let contract = include_str!("../../../wit/pack.wit");
        let mut n_rows = 0;
        for line in contract.lines().filter(|line| line.contains("/// | `")) {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            let words = |cell: &str| -> Vec<String> {
                let parts = cell.split('`').skip(1).step_by(2);
                parts.map(str::to_owned).collect()
            };
            let [what] = words(cells[1]).try_into().unwrap();
            let keys = match cells[2] {
                "any key" => vec!["a.b".to_owned()],
                other => words(other),
            };
            let all = "symbol, truth, number, text, value";
            let forms = match cells[3] {
                "the same" | "as for `span.attribute`" => all,
                other => other,
            };
            for form in [
                "declared", "symbol", "truth", "number", "text", "value", "x",
            ] {
                for key in &keys {
                    let want = Want::parse(&what, key, form);
                    let listed = forms.split(", ").any(|listed| listed == form);
                    assert_eq!(want.is_some(), listed, "{what} {key} {form}");
                    if let Some(want) = want {
                        let table: u8 = cells[4].parse().unwrap();
                        assert_eq!(want.column.table() as u8, table, "{what} {key}");
                    }
                }
            }
            n_rows += 1;
        }
        assert_eq!(n_rows, 24);
        assert_eq!(Want::parse("span", "nme", "symbol"), None);
        assert_eq!(Want::parse("baggage", "name", "symbol"), None);
    }
}
