//! The names that `as` gives: where they are seen, what they stand for, and whether they are used.

use super::{Checked, Checker};
use crate::{
    ast::{self, At, ClauseKind},
    diagnostic::{Code, Diagnostic},
    ir::{Field, MessagePart, Quantifier},
    source::Span,
};

/// A name that `as` gives somewhere in the rule at hand.
#[derive(Debug)]
pub(super) struct Alias {
    pub(super) name: String,
    pub(super) span: Span,
    used: bool,
    witness: Option<Witness>,
}

/// By which name the host finds the span that an alias stands for, once a violation has its witnesses.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Witness {
    /// The spans of its left side have one name.
    Named(String),
    /// All witnesses are spans of its left side: the relation is an `every`, and nothing else can break.
    First,
}

impl Checker<'_> {
    /// Collects the names that a rule gives, before its conditions are checked.
    pub(super) fn collect_aliases(&mut self, rule: &ast::Rule) {
        self.aliases.clear();
        self.scope = None;
        let never = rule
            .clauses
            .iter()
            .any(|clause| clause.kind == ClauseKind::Never);
        for clause in &rule.clauses {
            let alone = clause.kind == ClauseKind::Always && !never;
            collect(&clause.condition, alone, &mut self.aliases);
        }
    }

    /// What `{NAME.KEY}` of a message is filled from where NAME is such a name; `None` where it is none.
    pub(super) fn check_alias_placeholder(
        &mut self,
        inside: &str,
        message: Span,
    ) -> Checked<Option<MessagePart>> {
        let Some((name, key)) = inside.split_once('.').filter(|(_, key)| !key.is_empty()) else {
            return Ok(None);
        };
        let mut witnesses = Vec::new();
        for alias in self.aliases.iter_mut().filter(|alias| alias.name == name) {
            alias.used = true;
            if !witnesses.contains(&alias.witness) {
                witnesses.push(alias.witness.clone());
            }
        }
        let found = match witnesses.as_slice() {
            [] => return Ok(None),
            [Some(Witness::Named(found))] => found.clone(),
            [Some(Witness::First)] => String::new(),
            [None] | [_, _, ..] => {
                let diagnostic = Diagnostic::error(
                    Code::BadPlaceholder,
                    message,
                    format!(
                        "`{name}` may stand for spans of several names, of which a violation shows others too"
                    ),
                    "in this message",
                );
                return self.refuse(diagnostic.help(format!(
                    "write the name of the span that is meant in place of `{name}`: `{{order.placed.{key}}}`"
                )));
            }
        };
        Ok(Some(MessagePart::Value {
            name: found,
            key: key.to_owned(),
        }))
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
        // That nothing reads the name is no news then.
        if let Some(alias) = self.scope.and_then(|scope| self.aliases.get_mut(scope)) {
            alias.used = true;
        }
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

/// Adds the names that a condition gives; `alone` if nothing beside it can be what is broken.
fn collect(condition: &ast::Cond, alone: bool, aliases: &mut Vec<Alias>) {
    match condition {
        ast::Cond::And(conditions) | ast::Cond::Or(conditions) => {
            for condition in conditions {
                collect(condition, false, aliases);
            }
        }
        ast::Cond::Not(inner) => collect(inner, false, aliases),
        ast::Cond::Relation(relation) => {
            let Some(alias) = &relation.alias else {
                return;
            };
            if !aliases.iter().any(|known| known.span == alias.span) {
                aliases.push(Alias {
                    name: alias.value.clone(),
                    span: alias.span,
                    used: false,
                    witness: witness(relation, alone),
                });
            }
        }
        ast::Cond::Set(_)
        | ast::Cond::Compare { .. }
        | ast::Cond::Root { .. }
        | ast::Cond::Then(_) => {}
    }
}

fn witness(relation: &ast::Relation, alone: bool) -> Option<Witness> {
    let mut names = relation
        .left
        .sets
        .iter()
        .map(|set| match &set.selector.value {
            ast::Selector::Name(name) => Some(name),
            ast::Selector::Any | ast::Selector::Pattern(_) => None,
        });
    if let Some(Some(first)) = names.next()
        && names.all(|name| name == Some(first))
    {
        return Some(Witness::Named(first.clone()));
    }
    let every = relation
        .quantifier
        .as_ref()
        .is_some_and(|quantifier| quantifier.value == Quantifier::Every);
    (alone && every).then_some(Witness::First)
}
