//! A column in the words of `wit/pack.wit`, from what the sandbox made of them.

use crate::sandbox::{FixedColumn, Form, TextColumn, Want, WantColumn, WantScope};

/// Returns `what key form`, as the pack asked for it.
pub(super) fn words(want: &Want) -> String {
    let (what, key) = match &want.column {
        WantColumn::SpanName => ("span", "name"),
        WantColumn::Text(column) => text(*column),
        WantColumn::Fixed(column) => fixed(*column),
        WantColumn::Attribute { scope, key } => (attribute(*scope), key.as_str()),
        WantColumn::ElementValue => ("element", "value"),
    };
    format!("{what} {key} {}", form(want.form))
}

fn attribute(scope: WantScope) -> &'static str {
    match scope {
        WantScope::Span => "span.attribute",
        WantScope::Resource => "resource.attribute",
        WantScope::Scope => "scope.attribute",
        WantScope::Any => "any.attribute",
        WantScope::Event => "event.attribute",
        WantScope::Link => "link.attribute",
    }
}

fn text(column: TextColumn) -> (&'static str, &'static str) {
    match column {
        TextColumn::StatusMessage => ("span", "status-message"),
        TextColumn::SpanId => ("span", "id"),
        TextColumn::ParentId => ("span", "parent-id"),
        TextColumn::ScopeName => ("scope", "name"),
        TextColumn::ScopeVersion => ("scope", "version"),
        TextColumn::EventName => ("event", "name"),
        TextColumn::LinkTraceId => ("link", "trace-id"),
        TextColumn::LinkSpanId => ("link", "span-id"),
        TextColumn::ElementKey => ("element", "key"),
    }
}

fn fixed(column: FixedColumn) -> (&'static str, &'static str) {
    match column {
        FixedColumn::Kind => ("span", "kind"),
        FixedColumn::Status => ("span", "status"),
        FixedColumn::Start => ("span", "start"),
        FixedColumn::End => ("span", "end"),
        FixedColumn::Duration => ("span", "duration"),
        FixedColumn::Parent => ("span", "parent"),
        FixedColumn::Children => ("span", "children"),
        FixedColumn::Depth => ("span", "depth"),
        FixedColumn::SelfDuration => ("span", "self-duration"),
        FixedColumn::EventEnds => ("event", "ends"),
        FixedColumn::EventTime => ("event", "time"),
        FixedColumn::LinkEnds => ("link", "ends"),
    }
}

fn form(form: Form) -> &'static str {
    match form {
        Form::Declared => "declared",
        Form::Symbol => "symbol",
        Form::Truth => "truth",
        Form::Number => "number",
        Form::Text => "text",
        Form::Value => "value",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_parse_to_what_they_say() {
        for (what, key, form) in [
            ("span", "name", "declared"),
            ("span", "self-duration", "value"),
            ("any.attribute", "user.id", "symbol"),
            ("link", "span-id", "text"),
            ("element", "value", "number"),
        ] {
            let want = Want::parse(what, key, form).unwrap();
            assert_eq!(words(&want), format!("{what} {key} {form}"));
        }
    }
}
