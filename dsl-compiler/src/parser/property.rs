//! The properties of a rule that are no conditions.

use super::{Parsed, Parser};
use crate::{
    ast::{At, Rule},
    diagnostic::{Code, Diagnostic},
    ir::Severity,
    source::Span,
    suggest::suggest,
    token::Kind,
};

/// Their names.
pub(super) const PROPERTIES: [&str; 6] = [
    "signal", "summary", "message", "controls", "labels", "timezone",
];

/// Reads a severity, or says which there are.
pub(crate) fn severity(word: &str, span: Span) -> Result<Severity, Box<Diagnostic>> {
    Severity::ALL
        .into_iter()
        .find(|severity| severity.as_str() == word)
        .ok_or_else(|| {
            let names = Severity::ALL.map(Severity::as_str);
            let diagnostic = Diagnostic::error(
                Code::UnknownSeverity,
                span,
                format!("`{word}` is not a severity"),
                format!("expected one of {}", names.join(", ")),
            );
            Box::new(match suggest(word, &names) {
                Some(name) => diagnostic
                    .help(format!("did you mean `{name}`?"))
                    .fix(span, name),
                None => diagnostic,
            })
        })
}

impl Parser<'_> {
    /// Parses the property whose name is the word at hand.
    pub(super) fn parse_property(&mut self, rule: &mut Rule, word: &str) -> Parsed<()> {
        let span = self.span();
        if !PROPERTIES.contains(&word) {
            return self.refuse_property(word, span);
        }
        self.advance();
        self.eat_mark(':');
        match word {
            "signal" => rule.signal = Some(self.parse_signal()?),
            "summary" => rule.summary = Some(self.parse_text("the summary, in quotes")?),
            "message" => rule.message = Some(self.parse_text("the message, in quotes")?),
            "controls" => rule.controls = self.parse_controls()?,
            "labels" => rule.labels = self.parse_labels()?,
            _ => rule.timezone = Some(self.parse_text("the timezone, in quotes")?),
        }
        Ok(())
    }

    fn refuse_property(&mut self, word: &str, span: Span) -> Parsed<()> {
        let names: Vec<&str> = PROPERTIES
            .into_iter()
            .chain(["when", "always", "never", "match"])
            .collect();
        let message = format!("a rule has no property `{word}`");
        let diagnostic = Diagnostic::error(
            Code::UnknownProperty,
            span,
            message,
            format!("expected one of {}", names.join(", ")),
        );
        let diagnostic = match suggest(word, &names) {
            Some(name) => diagnostic
                .help(format!("did you mean `{name}`?"))
                .fix(span, name),
            None => {
                diagnostic.help("inside `rule { }` a bare condition is written `match { ... }`")
            }
        };
        self.refuse(diagnostic)
    }

    fn parse_text(&mut self, what: &str) -> Parsed<At<String>> {
        let span = self.span();
        let Kind::Text(text) = self.kind() else {
            return self.expected(what);
        };
        self.advance();
        Ok(At {
            value: text.clone(),
            span,
        })
    }

    fn parse_signal(&mut self) -> Parsed<(At<String>, Option<Severity>)> {
        let span = self.span();
        let Some(name) = self.kind().name().map(str::to_owned) else {
            return self.expected("the signal's name");
        };
        self.advance();
        if !self.eat_mark('(') {
            return Ok((At { value: name, span }, None));
        }
        let Some(word) = self.word() else {
            return self.expected("a severity: info, low, medium, high or critical");
        };
        let severity = match severity(word, self.span()) {
            Ok(severity) => severity,
            Err(diagnostic) => return self.refuse(*diagnostic),
        };
        self.advance();
        self.expect_mark(')', "after the severity")?;
        Ok((At { value: name, span }, Some(severity)))
    }

    fn parse_controls(&mut self) -> Parsed<Vec<String>> {
        self.expect_mark('[', "before the controls")?;
        let mut controls = Vec::new();
        while !self.eat_mark(']') {
            controls.push(self.parse_text("a control in quotes, or `]`")?.value);
            if !self.eat_mark(',') && !self.is_mark(']') {
                return self.expected("`,` or `]`");
            }
        }
        Ok(controls)
    }

    fn parse_labels(&mut self) -> Parsed<Vec<(String, String)>> {
        self.expect_mark('{', "before the labels")?;
        let mut labels: Vec<(String, String)> = Vec::new();
        let mut keys = std::collections::HashSet::new();
        while !self.eat_mark('}') {
            let span = self.span();
            let key = self.parse_label_part("a label's name, or `}`")?;
            self.expect_mark(':', "after the label's name")?;
            let value = self.parse_label_part("the label's value")?;
            if !keys.insert(key.clone()) {
                return self.refuse(Diagnostic::error(
                    Code::Duplicate,
                    span,
                    format!("the label `{key}` is given twice"),
                    "the second one",
                ));
            }
            labels.push((key, value));
            self.eat_mark(',');
        }
        Ok(labels)
    }

    fn parse_label_part(&mut self, what: &str) -> Parsed<String> {
        let part = match self.kind() {
            Kind::Word(word) => (*word).to_owned(),
            Kind::Text(text) => text.clone(),
            Kind::Number(_) => self.source(self.span()).to_owned(),
            Kind::Duration(_) | Kind::Compare(_) | Kind::Mark(_) | Kind::Bad | Kind::End => {
                return self.expected(what);
            }
        };
        self.advance();
        Ok(part)
    }
}
