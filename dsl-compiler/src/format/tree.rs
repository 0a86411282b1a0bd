//! What may be broken in a condition, and where: chains at `or`, at `and` and at relations, then parentheses and lists.

use std::ops::Range;

use crate::{parser::relation_kind, sheet::Sheet};

/// A part of a condition.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) range: Range<usize>,
    pub(super) shape: Shape,
}

/// How it may be broken.
#[derive(Debug)]
pub(super) enum Shape {
    /// Before each of these words.
    Chain {
        link: Link,
        first: Box<Node>,
        /// The joining word, and what it joins.
        rest: Vec<(usize, Node)>,
    },
    /// Inside its parentheses and brackets.
    Row(Vec<Part>),
}

/// What joins the parts of a chain, loosest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    Or,
    And,
    Relation,
}

/// A part of a row.
#[derive(Debug)]
pub(super) enum Part {
    Token(usize),
    Group(Group),
}

/// What stands between parentheses or brackets.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) open: usize,
    pub(super) close: usize,
    /// Each with the comma behind it.
    pub(super) items: Vec<(Node, Option<usize>)>,
}

/// What joins at a word.
pub(super) fn link(word: &str) -> Option<Link> {
    match word {
        "or" => Some(Link::Or),
        "and" => Some(Link::And),
        "then" => Some(Link::Relation),
        word => relation_kind(word).map(|_| Link::Relation),
    }
}

/// Reads the tokens of a condition, value or list.
pub(super) fn read(sheet: &Sheet<'_>, range: Range<usize>) -> Node {
    let mut reader = Reader {
        sheet,
        at: range.start,
        end: range.end,
    };
    let node = reader.read_chain(Link::Or);
    if reader.at >= range.end {
        return node;
    }
    // What closes something that was not opened cannot have been parsed; its tokens are not lost for it.
    Node {
        range: range.clone(),
        shape: Shape::Row(range.map(Part::Token).collect()),
    }
}

struct Reader<'a, 's> {
    sheet: &'a Sheet<'s>,
    at: usize,
    end: usize,
}

impl Reader<'_, '_> {
    fn read_chain(&mut self, link: Link) -> Node {
        let start = self.at;
        let first = self.read_operand(link);
        let mut rest = Vec::new();
        while self.link_here() == Some(link) {
            let word = self.at;
            self.at += 1;
            rest.push((word, self.read_operand(link)));
        }
        if rest.is_empty() {
            return first;
        }
        let first = Box::new(first);
        Node {
            range: start..self.at,
            shape: Shape::Chain { link, first, rest },
        }
    }

    fn read_operand(&mut self, link: Link) -> Node {
        match link {
            Link::Or => self.read_chain(Link::And),
            Link::And => self.read_chain(Link::Relation),
            Link::Relation => self.read_row(),
        }
    }

    fn link_here(&self) -> Option<Link> {
        if self.at < self.end {
            self.sheet.word(self.at).and_then(link)
        } else {
            None
        }
    }

    fn is_here(&self, marks: &[char]) -> bool {
        self.at < self.end && marks.iter().any(|mark| self.sheet.is_mark(self.at, *mark))
    }

    fn read_row(&mut self) -> Node {
        let start = self.at;
        let mut parts = Vec::new();
        while self.at < self.end && self.link_here().is_none() && !self.is_here(&[')', ']', ',']) {
            if self.is_here(&['(', '[']) {
                parts.push(Part::Group(self.read_group()));
            } else {
                parts.push(Part::Token(self.at));
                self.at += 1;
            }
        }
        Node {
            range: start..self.at,
            shape: Shape::Row(parts),
        }
    }

    fn read_group(&mut self) -> Group {
        let open = self.at;
        self.at += 1;
        let mut items = Vec::new();
        while self.at < self.end && !self.is_here(&[')', ']']) {
            let item = self.read_chain(Link::Or);
            let comma = self.is_here(&[',']).then_some(self.at);
            self.at += usize::from(comma.is_some());
            items.push((item, comma));
        }
        let close = self.at;
        self.at = self.end.min(close + 1);
        Group { open, close, items }
    }
}
