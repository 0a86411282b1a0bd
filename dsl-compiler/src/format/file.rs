//! What a file is made of: definitions, rules, their properties and clauses.

use super::{
    condition::Place,
    tree::{self, Shape},
    writer::{Apart, Before, Writer, inside},
};

/// Up to where the names of properties are padded: the longest are `controls` and `timezone`, so that adding one moves
/// no other line.
const PROPERTY_COLUMNS: usize = 9;
/// The same for the clauses of a rule without braces, of which `always` is the longest.
const CLAUSE_COLUMNS: usize = 7;

impl Writer<'_, '_> {
    /// Writes all of it.
    pub(super) fn write_file(&mut self) {
        let end = self.sheet.end();
        let mut at = 0;
        let mut before = None;
        while at < end {
            let item = self.item(at);
            let apart = match (before, item) {
                (None, _)
                | (Some(Item::Definition), Item::Definition)
                | (Some(Item::Clause), Item::Clause) => Apart::AsWritten,
                (Some(_), Item::Rule | Item::Clause | Item::Condition | Item::Definition) => {
                    Apart::Always
                }
            };
            self.lead(at, Before::Line { indent: 0, apart }, 0);
            at = match item {
                Item::Definition => self.write_definition(at),
                Item::Rule => self.write_rule(at),
                Item::Clause => self.write_part(at, 0, CLAUSE_COLUMNS),
                Item::Condition => {
                    let node = tree::read(self.sheet, at..end);
                    self.write_broken(&node, Place::line(0));
                    end
                }
            };
            before = Some(item);
        }
        // Comments behind the last token; the end itself has no line.
        self.write_end(end);
    }

    fn item(&self, at: usize) -> Item {
        match self.sheet.word(at) {
            Some("let") if self.sheet.is_mark(at + 2, '=') => Item::Definition,
            Some("rule") if self.sheet.is_mark(at + 2, '{') => Item::Rule,
            Some("when" | "always" | "never" | "match") if self.sheet.is_mark(at + 1, '{') => {
                Item::Clause
            }
            Some(_) | None => Item::Condition,
        }
    }

    /// Writes `let NAME = ...`, and returns where it ends.
    fn write_definition(&mut self, at: usize) -> usize {
        let start = at + 3;
        let end = self.sheet.definition_end(start);
        self.row(at..start, inside(0));
        let node = tree::read(self.sheet, start..end);
        let has_room = self.sheet.is_plain(&node.range)
            && self.column() + 1 + self.sheet.width(&node.range) <= super::COLUMNS_MAX;
        match &node.shape {
            Shape::Chain { .. } if !has_room => {
                self.lead(start, Before::line(inside(0)), inside(0));
                self.write_node(&node, Place::line(inside(0)));
            }
            Shape::Chain { .. } | Shape::Row(_) => {
                self.lead(start, Before::Blank, inside(0));
                self.write_node(&node, Place::line(0));
            }
        }
        end
    }

    /// Writes `rule NAME { ... }`, and returns where it ends.
    fn write_rule(&mut self, at: usize) -> usize {
        let end = self.sheet.end();
        self.row(at..at + 3, inside(0));
        let mut at = at + 3;
        while at < end && !self.sheet.is_mark(at, '}') {
            let line = Before::Line {
                indent: inside(0),
                apart: Apart::AsWritten,
            };
            self.lead(at, line, inside(0));
            at = self.write_part(at, inside(0), PROPERTY_COLUMNS);
        }
        self.close(at, 0);
        at + 1
    }

    /// Writes a property or clause, and returns where it ends.
    fn write_part(&mut self, at: usize, indent: usize, n_columns: usize) -> usize {
        self.token(at);
        let name = self.sheet.word(at);
        let mut at = at + 1;
        if self.sheet.is_mark(at, ':') {
            self.lead(at, Before::Nothing, inside(indent));
            self.token(at);
            at += 1;
        }
        if at >= self.sheet.end() {
            return at;
        }
        if self
            .sheet
            .get(at)
            .is_some_and(|value| value.comments.is_empty())
        {
            self.pad(indent + n_columns);
        }
        self.lead(at, Before::Nothing, inside(indent));
        if self.sheet.is_mark(at, '{') {
            let close = self.closing(at, '{', '}');
            self.write_block(at, close, indent, name == Some("labels"));
            return close + 1;
        }
        let end = if self.sheet.is_mark(at, '[') {
            self.closing(at, '[', ']') + 1
        } else if self.sheet.is_mark(at + 1, '(') {
            self.write_signal(at, indent);
            return self.closing(at + 1, '(', ')') + 1;
        } else {
            at + 1
        };
        let node = tree::read(self.sheet, at..end);
        self.write_node(&node, Place::line(indent));
        end
    }

    /// Writes `NAME (severity)`.
    fn write_signal(&mut self, at: usize, indent: usize) {
        self.token(at);
        self.lead(at + 1, Before::Blank, inside(indent));
        self.token(at + 1);
        for at in at + 2..=self.closing(at + 1, '(', ')') {
            self.next(at, inside(indent));
        }
    }

    /// Where what opens at a place closes.
    fn closing(&self, at: usize, open: char, close: char) -> usize {
        let mut depth = 0_usize;
        for at in at..self.sheet.end() {
            if self.sheet.is_mark(at, open) {
                depth += 1;
            } else if self.sheet.is_mark(at, close) {
                depth -= 1;
                if depth == 0 {
                    return at;
                }
            }
        }
        self.sheet.end()
    }

    /// Writes the braces of a clause or of labels.
    fn write_block(&mut self, open: usize, close: usize, indent: usize, is_labels: bool) {
        if self.fits(&(open..close + 1), 0) {
            self.row(open..close + 1, indent);
            return;
        }
        self.token(open);
        let inner = open + 1..close;
        if is_labels {
            self.write_labels(inner, inside(indent));
        } else if !inner.is_empty() {
            let node = tree::read(self.sheet, inner);
            self.lead(open + 1, Before::line(inside(indent)), inside(indent));
            self.write_node(&node, Place::line(inside(indent)));
        }
        self.close(close, indent);
    }

    /// Writes each label, `NAME: VALUE` and perhaps a comma, on a line.
    fn write_labels(&mut self, range: std::ops::Range<usize>, indent: usize) {
        let mut at = range.start;
        while at < range.end {
            let end = at + 3 + usize::from(self.sheet.is_mark(at + 3, ','));
            self.lead(at, Before::line(indent), indent);
            self.row(at..end.min(range.end), inside(indent));
            at = end;
        }
    }
}

/// What stands at the head of a line without indent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Definition,
    Rule,
    Clause,
    Condition,
}
