//! Conditions, values and lists: on one line where they fit, else broken from outside in.
//!
//! ```text
//! agent.tool.where(             <- a row, broken inside its parentheses
//!   name == shell
//!     or name == payment        <- a chain, broken before its words
//! )
//!   and not (a or b)            <- a chain around it
//! ```

use super::{
    tree::{Group, Link, Node, Part, Shape},
    writer::{Before, Writer, inside},
};

/// Where a node stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// The indent of the lines of a chain behind its first.
    pub(super) further: usize,
    /// How many columns must stay free behind its end.
    pub(super) n_behind: usize,
}

impl Place {
    /// At the beginning of a line with this indent, or in the midst of it.
    pub(super) fn line(indent: usize) -> Self {
        Self {
            further: inside(indent),
            n_behind: 0,
        }
    }
}

impl Writer<'_, '_> {
    /// Writes a node whose first token's place was gone to.
    pub(super) fn write_node(&mut self, node: &Node, place: Place) {
        if self.fits(&node.range, place.n_behind) {
            self.row(node.range.clone(), inside(self.indent()));
            return;
        }
        match &node.shape {
            Shape::Chain { .. } => self.write_chain(node, place),
            Shape::Row(parts) => self.write_parts(parts, node.range.end, place),
        }
    }

    /// Writes a node with a line for each operand of its `and` or `or`, whether it would fit or not.
    pub(super) fn write_broken(&mut self, node: &Node, place: Place) {
        match &node.shape {
            Shape::Chain {
                link: Link::Or | Link::And,
                ..
            } => self.write_chain(node, place),
            Shape::Chain {
                link: Link::Relation,
                ..
            }
            | Shape::Row(_) => self.write_node(node, place),
        }
    }

    fn write_chain(&mut self, node: &Node, place: Place) {
        let Shape::Chain { first, rest, .. } = &node.shape else {
            return;
        };
        // What binds tighter is set in further, so that its lines are not read as operands of this chain.
        let at_first = Place {
            further: inside(place.further),
            n_behind: 0,
        };
        self.write_node(first, at_first);
        for (n, (word, operand)) in rest.iter().enumerate() {
            self.lead(*word, Before::line(place.further), place.further);
            self.token(*word);
            self.lead(operand.range.start, Before::Blank, inside(place.further));
            let n_behind = if n + 1 == rest.len() {
                place.n_behind
            } else {
                0
            };
            let inner = Place {
                n_behind,
                ..Place::line(self.indent())
            };
            self.write_node(operand, inner);
        }
    }

    fn write_parts(&mut self, parts: &[Part], end: usize, place: Place) {
        let indent = self.indent();
        for (n, part) in parts.iter().enumerate() {
            let at = match part {
                Part::Token(at) => *at,
                Part::Group(group) => group.open,
            };
            if n == 0 {
                self.token(at);
            } else {
                self.next(at, inside(indent));
            }
            let Part::Group(group) = part else {
                continue;
            };
            // Up to the next place where a line can be broken.
            let rest = parts.get(n + 1..).unwrap_or_default();
            let next_open = rest.iter().find_map(|part| match part {
                Part::Group(next) => Some(next.open + 1),
                Part::Token(_) => None,
            });
            let on_line = group.open + 1..next_open.unwrap_or(end);
            let n_behind = if next_open.is_some() {
                0
            } else {
                place.n_behind
            };
            let is_plain = self.sheet.is_plain(&(group.open..group.close + 1));
            let blank = usize::from(self.sheet.blank_before(on_line.start));
            let n_columns = self.sheet.width(&on_line) + blank + n_behind;
            let has_room = self.column() + n_columns <= super::COLUMNS_MAX;
            if is_plain && (has_room || !is_worth_breaking(group)) {
                for at in group.open + 1..=group.close {
                    self.next(at, inside(indent));
                }
            } else if self.sheet.is_mark(group.open, '[') {
                self.write_list(group, indent);
            } else {
                self.write_group(group, indent);
            }
        }
    }

    /// Writes what stands in parentheses, each item on lines of its own.
    fn write_group(&mut self, group: &Group, indent: usize) {
        for (item, comma) in &group.items {
            if !item.range.is_empty() {
                self.lead(
                    item.range.start,
                    Before::line(inside(indent)),
                    inside(indent),
                );
                let place = Place {
                    n_behind: usize::from(comma.is_some()),
                    ..Place::line(inside(indent))
                };
                self.write_node(item, place);
            }
            if let Some(comma) = comma {
                self.next(*comma, inside(indent));
            }
        }
        self.close(group.close, indent);
    }

    /// Writes a list, as many values on a line as there is room for.
    fn write_list(&mut self, group: &Group, indent: usize) {
        for (n, (item, comma)) in group.items.iter().enumerate() {
            let end = comma.map_or(item.range.end, |comma| comma + 1);
            let on_line = item.range.start..end;
            let before = if n > 0 && self.fits(&on_line, 1) {
                Before::Blank
            } else {
                Before::line(inside(indent))
            };
            self.lead(on_line.start, before, inside(indent));
            self.row(on_line, inside(indent));
        }
        self.close(group.close, indent);
    }
}

/// Whether a broken group is easier to read than a long line: a name alone on a line is not.
fn is_worth_breaking(group: &Group) -> bool {
    group.items.len() > 1
        || group.items.iter().any(|(item, _)| match &item.shape {
            Shape::Chain { .. } => true,
            Shape::Row(parts) => parts.len() > 1,
        })
}
