//! Tree to IR: names resolved, types checked, properties completed.
//!
//! A rule becomes IR only if nothing in it is wrong; the checks go on past each mistake, so that one run reports all.

use std::collections::HashMap;

use crate::{
    ast::{self, At, ClauseKind},
    diagnostic::{self, Code, Diagnostic},
    ir::{self, Body, Severity, SpanSet},
    limits::RULE_SETS_MAX,
    parser::Refused,
    pattern::Tables,
    source::Span,
};

mod aggregate;
mod alias;
mod amount;
mod condition;
mod constant;
mod contradiction;
mod doubt;
mod filter;
mod header;
mod join;
mod operand;
mod relation;
mod time;
mod unit;

pub(crate) use filter::is_decimal;

type Checked<T> = Result<T, Refused>;

/// What the checks need besides the tree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'s> {
    pub(crate) file_name: &'s str,
    pub(crate) text: &'s str,
    /// The comments before the first token.
    pub(crate) header: &'s [(Span, &'s str)],
}

/// Checks a file. There is a pack exactly if no diagnostic is an error.
/// `patterns` come to hold the tables of those that are met.
pub(crate) fn check(
    file: &ast::File,
    input: Input<'_>,
    patterns: &mut Tables,
) -> (Option<ir::Pack>, Vec<Diagnostic>) {
    let mut checker = Checker {
        input,
        patterns,
        diagnostics: Vec::new(),
        sets: Vec::new(),
        set_ids: HashMap::new(),
        tables: Vec::new(),
        aliases: Vec::new(),
        scope: None,
        zones: HashMap::new(),
    };
    let signal = checker.check_header(file);
    let mut rules: Vec<ir::Rule> = Vec::new();
    let mut ids: HashMap<String, Span> = HashMap::new();
    for rule in &file.rules {
        if let Ok(checked) = checker.check_rule(rule, signal.as_ref()) {
            checker.check_unique(&mut ids, &checked.id, rule);
            rules.push(checked);
        }
    }
    let failed =
        rules.len() < file.rules.len() || checker.diagnostics.iter().any(Diagnostic::is_error);
    ((!failed).then_some(ir::Pack { rules }), checker.diagnostics)
}

struct Checker<'s> {
    input: Input<'s>,
    patterns: &'s mut Tables,
    diagnostics: Vec<Diagnostic>,
    /// The sets of the rule at hand, and their numbers.
    sets: Vec<SpanSet>,
    set_ids: HashMap<SpanSet, ir::SetId>,
    /// Of which tables a row is at hand: inside `event.where( )`, `link.where( )`.
    tables: Vec<ir::Table>,
    /// The names that `as` gives in the rule at hand.
    aliases: Vec<alias::Alias>,
    /// The one of them that is seen at present.
    scope: Option<usize>,
    /// The timezones that rules of the file name.
    zones: HashMap<String, ir::Zone>,
}

impl Checker<'_> {
    fn report(&mut self, diagnostic: Diagnostic) {
        diagnostic::add(&mut self.diagnostics, diagnostic);
    }

    fn refuse<T>(&mut self, diagnostic: Diagnostic) -> Checked<T> {
        self.report(diagnostic);
        Err(Refused)
    }

    fn source(&self, span: Span) -> String {
        self.input
            .text
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
            .to_owned()
    }

    fn check_unique(&mut self, ids: &mut HashMap<String, Span>, id: &str, rule: &ast::Rule) {
        if let Some(first) = ids.insert(id.to_owned(), rule.span) {
            let diagnostic = Diagnostic::error(
                Code::DuplicateRuleId,
                rule.span,
                format!("two rules are named `{id}`"),
                "the second one",
            )
            .also(first, "the first one")
            .help("give one of them another name");
            self.report(diagnostic);
        }
    }

    fn check_rule(
        &mut self,
        rule: &ast::Rule,
        header: Option<&(String, Severity)>,
    ) -> Checked<ir::Rule> {
        self.sets.clear();
        self.set_ids.clear();
        self.collect_aliases(rule);
        let identity = self.check_identity(rule, header);
        let zone = self.check_zone(rule.timezone.as_ref());
        let body = self.check_body(rule);
        let message = match (&rule.message, &body) {
            (Some(message), Ok(_)) => self.check_message(message),
            (Some(_) | None, _) => Ok(Vec::new()),
        };
        if body.is_ok() {
            self.warn_unused_aliases();
        }
        let ((id, signal, severity), zone, body, message) = (identity?, zone?, body?, message?);
        Ok(ir::Rule {
            id,
            signal,
            severity,
            summary: rule
                .summary
                .as_ref()
                .map(|summary| summary.value.clone())
                .unwrap_or_default(),
            message,
            controls: rule.controls.clone(),
            labels: rule.labels.clone(),
            zone,
            sets: std::mem::take(&mut self.sets),
            body,
        })
    }

    fn check_body(&mut self, rule: &ast::Rule) -> Checked<Body> {
        let structure = self.check_clauses(rule);
        let mut conditions = Vec::new();
        for clause in &rule.clauses {
            conditions.push((clause.kind, self.check_condition(&clause.condition), clause));
        }
        structure?;
        let sound: Vec<(&ast::Clause, &ir::Cond)> = conditions
            .iter()
            .filter_map(|(_, condition, clause)| Some((*clause, condition.as_ref().ok()?)))
            .collect();
        self.warn_doubts(&sound);
        let mut body = (None, None, None, None);
        for (kind, condition, clause) in conditions {
            let condition = condition?;
            match kind {
                ClauseKind::Match => {
                    body.0 = Some((self.check_situation(&clause.condition)?, condition));
                }
                ClauseKind::When => body.1 = Some(condition),
                ClauseKind::Always => body.2 = Some(condition),
                ClauseKind::Never => body.3 = Some(condition),
            }
        }
        if self.sets.len() > RULE_SETS_MAX {
            let message = format!(
                "the rule speaks of {} different sets of spans; at most {RULE_SETS_MAX} are compiled",
                self.sets.len()
            );
            return self.refuse(
                Diagnostic::error(Code::RuleTooLarge, rule.span, message, "this rule")
                    .help("split it into several rules"),
            );
        }
        match body {
            (Some((situation, condition)), ..) => Ok(Body::Match {
                situation,
                condition,
            }),
            (None, Some(when), always, never) => Ok(Body::Clauses {
                when,
                always,
                never,
            }),
            (None, None, ..) => Err(Refused),
        }
    }

    /// Checks which clauses the rule has.
    fn check_clauses(&mut self, rule: &ast::Rule) -> Checked<()> {
        if rule.broken {
            return Err(Refused);
        }
        let find = |kind| {
            rule.clauses
                .iter()
                .find(|clause| clause.kind == kind)
                .map(|clause| clause.span)
        };
        let (bare, when) = (find(ClauseKind::Match), find(ClauseKind::When));
        let demand = find(ClauseKind::Always).or(find(ClauseKind::Never));
        match (bare, when, demand) {
            (Some(_), None, None) | (None, Some(_), Some(_)) => Ok(()),
            (Some(bare), Some(other), _) | (Some(bare), None, Some(other)) => {
                let diagnostic = Diagnostic::error(
                    Code::ConditionMissing,
                    other,
                    "a rule has either `match` or `when`",
                    "this belongs to the other shape",
                )
                .also(bare, "`match` is here");
                self.refuse(diagnostic.help("keep `match { ... }` alone, or write `when { ... }` with `always { ... }` or `never { ... }`"))
            }
            (None, Some(when), None) => {
                let diagnostic = Diagnostic::error(
                    Code::WhenAlone,
                    when,
                    "`when` alone says nothing of what must hold",
                    "expected `always { ... }` or `never { ... }` beside it",
                );
                self.refuse(diagnostic.help("add `always { what must be there }` or `never { what must not }`,\nor write the condition without `when` if it is itself the violation"))
            }
            (None, None, Some(demand)) => {
                let diagnostic = Diagnostic::error(
                    Code::WhenMissing,
                    demand,
                    "the rule does not say when it applies",
                    "expected `when { ... }` beside it",
                );
                self.refuse(
                    diagnostic.help("add `when { ... }`, or `when { any }` for every trace"),
                )
            }
            (None, None, None) => {
                let diagnostic = Diagnostic::error(
                    Code::ConditionMissing,
                    rule.span,
                    "the rule has no condition",
                    "nothing in it says what must hold",
                );
                self.refuse(diagnostic.help("add `when { ... } always { ... }` or `match { ... }`"))
            }
        }
    }
}

/// A literal or operand and its place.
type Placed<'a, T> = &'a At<T>;

#[cfg(test)]
mod tests;
