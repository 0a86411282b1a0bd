//! What may stand where: a walk over the tokens with a stack of what is open.

use crate::{reference::Topic, sheet::Sheet, token::Kind};

/// What may stand in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    /// A definition, a rule or a clause; or a bare condition, or more of one.
    Head,
    /// A property or clause of a rule.
    Rule,
    Severity,
    Condition,
    Filter,
    /// What `span:status` and its like are compared with.
    Against(Topic),
    /// A name of the author's, or a text.
    Nothing,
}

/// What is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frame {
    /// `rule NAME {`, and the property whose value is to come.
    Rule { awaits: Option<Awaited> },
    /// Braces or parentheses with one context.
    Plain(Context, char),
    /// `sum(` and its like: a set, and behind the comma a key.
    Aggregate { is_behind: bool },
}

/// A property or clause whose value is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Condition,
    Other,
}

impl Frame {
    fn close(self) -> char {
        match self {
            Self::Rule { .. } => '}',
            Self::Plain(_, close) => close,
            Self::Aggregate { .. } => ')',
        }
    }
}

/// Returns the context of each token.
pub(super) fn contexts(sheet: &Sheet<'_>) -> Vec<Context> {
    let mut walk = Walk {
        sheet,
        open: Vec::new(),
    };
    (0..=sheet.end())
        .map(|at| {
            let context = walk.context(at);
            walk.pass(at, context);
            context
        })
        .collect()
}

struct Walk<'a, 's> {
    sheet: &'a Sheet<'s>,
    open: Vec<Frame>,
}

impl Walk<'_, '_> {
    fn context(&self, at: usize) -> Context {
        let Some(frame) = self.open.last() else {
            return self.context_of_file(at);
        };
        match frame {
            Frame::Rule { awaits: None } => Context::Rule,
            Frame::Rule { awaits: Some(_) } => Context::Nothing,
            Frame::Aggregate { is_behind: true } => Context::Filter,
            Frame::Aggregate { is_behind: false } | Frame::Plain(Context::Condition, _)
                if self.word_before(at, 1) == Some("by") =>
            {
                Context::Filter
            }
            Frame::Aggregate { is_behind: false } => Context::Condition,
            Frame::Plain(Context::Filter, _) => {
                self.against(at).map_or(Context::Filter, Context::Against)
            }
            Frame::Plain(context, _) => *context,
        }
    }

    fn context_of_file(&self, at: usize) -> Context {
        let is_name = |n| matches!(self.word_before(at, n), Some("rule" | "let"));
        if is_name(1) || (is_name(2) && !self.is_mark_before(at, '=')) {
            return Context::Nothing;
        }
        let begins = at == 0 || self.is_mark_before(at, '}') || self.sheet.ends_operand(at - 1);
        if begins {
            Context::Head
        } else {
            Context::Condition
        }
    }

    fn word_before(&self, at: usize, n: usize) -> Option<&str> {
        at.checked_sub(n).and_then(|at| self.sheet.word(at))
    }

    fn is_mark_before(&self, at: usize, mark: char) -> bool {
        at.checked_sub(1)
            .is_some_and(|before| self.sheet.is_mark(before, mark))
    }

    /// What the token is compared with, where that has words of its own.
    fn against(&self, at: usize) -> Option<Topic> {
        let mut operator = at.checked_sub(1)?;
        let piece = self.sheet.get(operator)?;
        match piece.kind {
            Kind::Compare(_) => {}
            // Of a list, the token that opens it is asked.
            Kind::Word("in") => {
                if self.word_before(operator, 1) == Some("not") {
                    operator -= 1;
                }
            }
            Kind::Word(_)
            | Kind::Text(_)
            | Kind::Number(_)
            | Kind::Duration(_)
            | Kind::Mark(_)
            | Kind::Bad
            | Kind::End => return None,
        }
        let subject = self.sheet.get(operator.checked_sub(1)?)?.text;
        let is_span = operator.checked_sub(3).is_some_and(|of| {
            self.sheet.word(of) == Some("span") && self.sheet.is_mark(of + 1, ':')
        });
        match subject {
            "status" if is_span => Some(Topic::Status),
            "kind" if is_span => Some(Topic::Kind),
            "timestamp.weekday" => Some(Topic::Weekday),
            _ => None,
        }
    }

    /// Goes behind a token.
    fn pass(&mut self, at: usize, context: Context) {
        let Some(piece) = self.sheet.get(at) else {
            return;
        };
        match piece.kind {
            Kind::Mark('{') => self.pass_brace(at),
            Kind::Mark('(') => self.pass_parenthesis(at, context),
            Kind::Mark('[') => {
                let inner = if matches!(context, Context::Against(_)) {
                    context
                } else {
                    Context::Nothing
                };
                self.fill();
                self.open.push(Frame::Plain(inner, ']'));
            }
            Kind::Mark(close @ ('}' | ')' | ']')) => {
                // A brace ends what was not closed inside it.
                if let Some(depth) = self.open.iter().rposition(|frame| frame.close() == *close)
                    && (*close == '}' || depth + 1 == self.open.len())
                {
                    self.open.truncate(depth);
                }
            }
            Kind::Mark(',') => {
                if let Some(Frame::Aggregate { is_behind }) = self.open.last_mut() {
                    *is_behind = true;
                }
            }
            Kind::Mark(':') => {}
            Kind::Word(word) if context == Context::Rule => {
                let awaited = if matches!(*word, "when" | "always" | "never" | "match") {
                    Awaited::Condition
                } else {
                    Awaited::Other
                };
                if let Some(Frame::Rule { awaits }) = self.open.last_mut() {
                    *awaits = Some(awaited);
                }
            }
            Kind::Word(_)
            | Kind::Text(_)
            | Kind::Number(_)
            | Kind::Duration(_)
            | Kind::Compare(_)
            | Kind::Mark(_)
            | Kind::Bad
            | Kind::End => self.fill(),
        }
    }

    /// Takes note that the value of a property is there.
    fn fill(&mut self) {
        if let Some(Frame::Rule { awaits }) = self.open.last_mut() {
            *awaits = None;
        }
    }

    fn pass_brace(&mut self, at: usize) {
        let is_rule = self.open.is_empty() && self.word_before(at, 2) == Some("rule");
        let frame = match self.open.last() {
            None if is_rule => Frame::Rule { awaits: None },
            None
            | Some(Frame::Rule {
                awaits: Some(Awaited::Condition),
            }) => Frame::Plain(Context::Condition, '}'),
            Some(_) => Frame::Plain(Context::Nothing, '}'),
        };
        self.fill();
        self.open.push(frame);
    }

    fn pass_parenthesis(&mut self, at: usize, context: Context) {
        let before = at
            .checked_sub(1)
            .and_then(|before| self.sheet.get(before))
            .map(|piece| piece.text);
        let frame = match (self.open.last(), before) {
            // The name of the signal is there; in parentheses its severity follows.
            (Some(Frame::Rule { .. }), _) => Frame::Plain(Context::Severity, ')'),
            (_, Some("where")) => Frame::Plain(Context::Filter, ')'),
            (_, Some("sum" | "min" | "max" | "avg" | "distinct")) => {
                Frame::Aggregate { is_behind: false }
            }
            (_, Some(_) | None) if context == Context::Head => {
                Frame::Plain(Context::Condition, ')')
            }
            (_, Some(_) | None) => Frame::Plain(context, ')'),
        };
        self.open.push(frame);
    }
}
