//! Files, rules and clauses.

use super::{Parsed, Parser, Refused};
use crate::{
    ast::{At, Clause, ClauseKind, Cond, File, Rule},
    diagnostic::{Code, Diagnostic},
    limits::{DIAGNOSTICS_MAX, PACK_RULES_MAX},
    token::Kind,
};

const CLAUSES: [(&str, ClauseKind); 4] = [
    ("when", ClauseKind::When),
    ("always", ClauseKind::Always),
    ("never", ClauseKind::Never),
    ("match", ClauseKind::Match),
];

fn clause_kind(word: &str) -> Option<ClauseKind> {
    CLAUSES
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, kind)| *kind)
}

impl Parser<'_> {
    pub(super) fn parse_file(&mut self) -> File {
        let mut file = File::default();
        self.parse_definitions();
        match self.kind() {
            // What was refused above took the rest with it.
            Kind::End if self.diagnostics.iter().any(Diagnostic::is_error) => {}
            Kind::End => {
                let help = "write a rule, as `trace.has(phi.access) and not trace.has(audit.log)`";
                self.report(
                    Diagnostic::error(
                        Code::Empty,
                        self.span(),
                        "the file holds no rule",
                        "nothing here",
                    )
                    .help(help),
                );
            }
            Kind::Word("rule" | "let") => self.parse_named_rules(&mut file),
            Kind::Word(_)
            | Kind::Text(_)
            | Kind::Number(_)
            | Kind::Duration(_)
            | Kind::Compare(_)
            | Kind::Mark(_)
            | Kind::Bad => {
                let rule = self.parse_bare_rule();
                file.rules.push(rule);
            }
        }
        // What was refused may be what used it.
        if !file.rules.iter().any(|rule| rule.broken)
            && !self.diagnostics.iter().any(Diagnostic::is_error)
        {
            self.warn_unused();
        }
        file
    }

    fn parse_named_rules(&mut self, file: &mut File) {
        while *self.kind() != Kind::End && !self.is_full() {
            if self.word() == Some("rule") {
                if file.rules.len() >= PACK_RULES_MAX {
                    let message = format!("a file holds at most {PACK_RULES_MAX} rules");
                    let diagnostic =
                        Diagnostic::error(Code::PackTooLarge, self.span(), message, "one too many")
                            .help("split the file");
                    return self.report(diagnostic);
                }
                let rule = self.parse_named_rule();
                file.rules.push(rule);
                continue;
            }
            let refused: Parsed<()> = if self.word() == Some("let") {
                self.refuse(
                    Diagnostic::error(
                        Code::Syntax,
                        self.span(),
                        "`let` stands before the rules",
                        "not after a rule",
                    )
                    .help("move it to the head of the file"),
                )
            } else {
                let diagnostic = Diagnostic::error(Code::Syntax, self.span(), format!("expected `rule`, found {}", self.kind().describe()), "expected `rule`")
                    .help("a file holds either one bare rule, or rules that are all written `rule name { ... }`");
                if *self.kind() == Kind::Bad {
                    Err(Refused)
                } else {
                    self.refuse(diagnostic)
                }
            };
            debug_assert!(refused.is_err(), "nothing but a rule stands here");
            self.advance();
            self.skip_to_rule();
        }
    }

    /// Whether no more errors are reported. Warnings do not count: rules behind them would go unseen.
    fn is_full(&self) -> bool {
        let errors = self.diagnostics.iter().filter(|found| found.is_error());
        errors.count() >= DIAGNOSTICS_MAX
    }

    /// Parses a rule without `rule NAME { }`.
    fn parse_bare_rule(&mut self) -> Rule {
        let mut rule = Rule {
            span: self.span(),
            ..Rule::default()
        };
        // A span may be meant that is named so, but not where another name follows: there the braces were forgotten.
        let opens = match self.kind_ahead(1) {
            Kind::End | Kind::Mark('{' | '(') | Kind::Text(_) => true,
            Kind::Word(word) => !matches!(*word, "and" | "or"),
            Kind::Number(_) | Kind::Duration(_) | Kind::Compare(_) | Kind::Mark(_) | Kind::Bad => {
                false
            }
        };
        if opens && self.word().and_then(clause_kind).is_some() {
            self.parse_clauses(&mut rule, false);
            return rule;
        }
        let span = self.span();
        let parsed = self.parse_condition().and_then(|condition| {
            self.expect_end_of_condition(None)?;
            Ok(condition)
        });
        match parsed {
            Ok(condition) => rule.clauses.push(Clause {
                kind: ClauseKind::Match,
                span,
                condition,
            }),
            Err(Refused) => rule.broken = true,
        }
        rule
    }

    /// Parses `rule NAME { ... }`, going on behind it whatever happens.
    fn parse_named_rule(&mut self) -> Rule {
        let start = self.span();
        self.advance();
        let mut rule = Rule {
            span: start,
            ..Rule::default()
        };
        let head = self.parse_rule_name().and_then(|name| {
            rule.span = name.span;
            rule.id = Some(name);
            self.expect_mark('{', "after the rule's name")
        });
        if head.is_err() {
            rule.broken = true;
            self.skip_to_rule();
            return rule;
        }
        self.nodes = 0;
        self.parse_clauses(&mut rule, true);
        rule
    }

    fn parse_rule_name(&mut self) -> Parsed<At<String>> {
        let span = self.span();
        let Some(name) = self.kind().name().map(str::to_owned) else {
            return self.expected("the rule's name");
        };
        self.advance();
        Ok(At { value: name, span })
    }

    /// Parses properties and clauses up to `}`, or up to the end of the file in a bare rule.
    fn parse_clauses(&mut self, rule: &mut Rule, named: bool) {
        let mut seen = Vec::new();
        loop {
            if *self.kind() == Kind::End {
                if named {
                    rule.broken = true;
                    let diagnostic = Diagnostic::error(
                        Code::Syntax,
                        self.span(),
                        "the rule has no end",
                        "expected `}`",
                    )
                    .also(rule.span, "it begins here");
                    self.report(diagnostic);
                }
                return;
            }
            if named && self.eat_mark('}') {
                return;
            }
            if self.is_full() {
                rule.broken = true;
                self.at = self.tokens.len();
                return;
            }
            let start = self.at;
            if self.parse_part(rule, named, &mut seen).is_err() {
                rule.broken = true;
                self.skip_part(start);
            }
        }
    }

    /// Parses one property or clause.
    fn parse_part(
        &mut self,
        rule: &mut Rule,
        named: bool,
        seen: &mut Vec<At<String>>,
    ) -> Parsed<()> {
        let span = self.span();
        let Some(word) = self.word() else {
            return self.expected(if named {
                "a property or clause, or `}`"
            } else {
                "`when`, `always` or `never`"
            });
        };
        if let Some(first) = seen.iter().find(|first| first.value == word) {
            let diagnostic = Diagnostic::error(
                Code::Duplicate,
                span,
                format!("`{word}` is given twice"),
                "the second one",
            )
            .also(first.span, "the first one");
            let help = if clause_kind(word).is_some() {
                "join the two conditions with `and` or `or`"
            } else {
                "keep one of them"
            };
            return self.refuse(diagnostic.help(help));
        }
        if let Some(kind) = clause_kind(word) {
            seen.push(At {
                value: word.to_owned(),
                span,
            });
            self.advance();
            let condition = self.parse_clause_block(word)?;
            rule.clauses.push(Clause {
                kind,
                span,
                condition,
            });
            return Ok(());
        }
        if !named {
            return self.expected("`when`, `always` or `never`");
        }
        seen.push(At {
            value: word.to_owned(),
            span,
        });
        self.parse_property(rule, word)
    }

    fn parse_clause_block(&mut self, word: &str) -> Parsed<Cond> {
        if self.is_mark('{') && self.is_mark_ahead(1, '}') {
            let diagnostic = Diagnostic::error(
                Code::ConditionMissing,
                self.span().to(self.span_ahead(1)),
                format!("`{word}` has no condition"),
                "nothing between the braces",
            );
            return self.refuse(diagnostic.help(format!("write `{word} {{ name.of.a.span }}`")));
        }
        let found = self.kind();
        if !matches!(found, Kind::Mark('{') | Kind::Bad) {
            let message = format!("expected `{{` after `{word}`, found {}", found.describe());
            let label = format!("expected `{{` after `{word}`");
            return self.refuse(
                Diagnostic::error(Code::Syntax, self.span(), message, label)
                    .help(format!("put the condition in braces: `{word} {{ ... }}`")),
            );
        }
        self.parse_block(&format!("after `{word}`"))
    }

    /// Goes on behind the property or clause that began at token `start` and was refused somewhere in it.
    ///
    /// Conditions hold no braces, so a clause's word before a brace begins the next part even where a brace is missing.
    fn skip_part(&mut self, start: usize) {
        let read = self.tokens.get(start..self.at).unwrap_or_default();
        let braces = |mark| {
            read.iter()
                .filter(|token| token.kind == Kind::Mark(mark))
                .count()
        };
        let mut depth = braces('{').saturating_sub(braces('}'));
        let is_part =
            |word: &str| clause_kind(word).is_some() || super::property::PROPERTIES.contains(&word);
        loop {
            match self.kind() {
                Kind::End => return,
                Kind::Word("rule") if self.is_rule_head() => return,
                Kind::Word(word)
                    if self.at > start
                        && is_part(word)
                        && (depth == 0 || self.is_mark_ahead(1, '{')) =>
                {
                    return;
                }
                Kind::Mark('{') => depth += 1,
                Kind::Mark('}') if depth == 0 => return,
                Kind::Mark('}') => depth -= 1,
                Kind::Word(_)
                | Kind::Text(_)
                | Kind::Number(_)
                | Kind::Duration(_)
                | Kind::Compare(_)
                | Kind::Mark(_)
                | Kind::Bad => {}
            }
            self.advance();
        }
    }

    fn is_rule_head(&self) -> bool {
        self.word() == Some("rule") && self.word_ahead(1).is_some() && self.is_mark_ahead(2, '{')
    }

    /// Skips to the next rule.
    fn skip_to_rule(&mut self) {
        while *self.kind() != Kind::End && !matches!(self.kind(), Kind::Word("rule" | "let")) {
            self.advance();
        }
    }
}
