//! The names that `as` gives: where they are seen, what they stand for, and whether they are used.

use super::{Checked, Checker};
use crate::{
    ast::{self, At},
    diagnostic::{Code, Diagnostic},
    ir::Field,
    source::Span,
};

/// A name that `as` gives somewhere in the rule at hand.
#[derive(Debug)]
pub(super) struct Alias {
    pub(super) name: String,
    pub(super) span: Span,
    used: bool,
}

impl Checker<'_> {
    /// Collects the names that a rule gives, before its conditions are checked.
    pub(super) fn collect_aliases(&mut self, rule: &ast::Rule) {
        self.aliases.clear();
        self.scope = None;
        for clause in &rule.clauses {
            collect(&clause.condition, &mut self.aliases);
        }
    }

    /// Checks what may read the left span of a relation by its name.
    pub(super) fn in_scope<T>(
        &mut self,
        alias: Option<&At<String>>,
        check: impl FnOnce(&mut Self) -> Checked<T>,
    ) -> Checked<T> {
        self.scope = alias.and_then(|alias| {
            self.aliases
                .iter()
                .position(|known| known.span == alias.span)
        });
        let checked = check(self);
        self.scope = None;
        checked
    }

    /// What a word on the right of a comparison reads of the left span; `None` of a word that is no such name.
    pub(super) fn check_alias(&mut self, value: &At<ast::Value>) -> Checked<Option<Field>> {
        let ast::Value::Word(word) = &value.value else {
            return Ok(None);
        };
        let (name, key) = word
            .split_once('.')
            .map_or((word.as_str(), None), |(name, key)| (name, Some(key)));
        let scope = self.scope.and_then(|scope| self.aliases.get_mut(scope));
        if let Some(alias) = scope.filter(|alias| alias.name == name) {
            alias.used = true;
            if let Some(key) = key {
                let key = key.to_owned();
                return Ok(Some(Field::Alias { key }));
            }
            let diagnostic = Diagnostic::error(
                Code::AliasScope,
                value.span,
                format!("`{name}` is a span, and no value"),
                "expected an attribute of it",
            );
            return self.refuse(diagnostic.help(format!(
                "write `{name}.key` for its attribute, or `\"{name}\"` for the text"
            )));
        }
        let elsewhere = self.aliases.iter().find(|alias| alias.name == name);
        let Some(alias) = elsewhere.filter(|_| key.is_some()) else {
            return Ok(None);
        };
        let diagnostic = Diagnostic::error(
            Code::AliasScope,
            value.span,
            format!("`{name}` is not seen here"),
            "in another place than the right side of its relation",
        )
        .also(alias.span, "it is named here");
        self.refuse(diagnostic.help(format!(
            "compare with it in a filter on the right side of its relation: `a as {name} before b.where(key == {name}.key)`; for the text, write `\"{word}\"`"
        )))
    }

    /// Warns where an attribute is named as if it were read of the left span.
    pub(super) fn warn_alias_on_left(&mut self, key: &str, span: Span) {
        let scope = self.scope.and_then(|scope| self.aliases.get(scope));
        let Some((alias, rest)) = scope.zip(
            key.split_once('.')
                .filter(|(first, _)| scope.is_some_and(|alias| alias.name == *first)),
        ) else {
            return;
        };
        let diagnostic = Diagnostic::warning(
            Code::AliasScope,
            span,
            format!("on the left of a comparison, `{key}` is an attribute of that whole name"),
            "not of the other span",
        )
        .also(alias.span, format!("`{}` is named here", alias.name));
        let rest = rest.1;
        self.report(diagnostic.help(format!("exchange the sides: `{rest} == {key}`; for an attribute of that name, write `\"{key}\"`")));
    }

    /// Warns of names that neither a filter nor the message reads.
    pub(super) fn warn_unused_aliases(&mut self) {
        let unused: Vec<(String, Span)> = self
            .aliases
            .iter()
            .filter(|alias| !alias.used)
            .map(|alias| (alias.name.clone(), alias.span))
            .collect();
        for (name, span) in unused {
            let diagnostic = Diagnostic::warning(
                Code::UnusedAlias,
                span,
                format!("nothing reads `{name}`"),
                "named here",
            );
            self.report(diagnostic.help(format!(
                "compare with it in a filter on the right side, `.where(key == {name}.key)`, or leave out `as {name}`"
            )));
        }
    }
}

/// Adds the names that a condition gives.
fn collect(condition: &ast::Cond, aliases: &mut Vec<Alias>) {
    match condition {
        ast::Cond::And(conditions) | ast::Cond::Or(conditions) => conditions
            .iter()
            .for_each(|condition| collect(condition, aliases)),
        ast::Cond::Not(inner) => collect(inner, aliases),
        ast::Cond::Relation(relation) => {
            let known = |span| aliases.iter().any(|alias: &Alias| alias.span == span);
            if let Some(alias) = relation.alias.as_ref().filter(|alias| !known(alias.span)) {
                aliases.push(Alias {
                    name: alias.value.clone(),
                    span: alias.span,
                    used: false,
                });
            }
        }
        ast::Cond::Set(_)
        | ast::Cond::Compare { .. }
        | ast::Cond::Root { .. }
        | ast::Cond::Then(_) => {}
    }
}
