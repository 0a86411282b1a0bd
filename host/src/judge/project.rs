//! From a block to batches: the columns that a pack's rules read, as `wit/pack.wit` says.
//!
//! Of a pack only what the rules at hand ask for is projected, and of their traces only the rows of the names
//! that they speak of, unless one of them reads all spans. A column that no rule at hand asked for is empty.
//!
//! | columns | file |
//! |---|---|
//! | symbols and texts, which all columns of a batch share | `symbols` |
//! | attributes, in their five forms | `cells` |
//! | names, ids and other texts | `texts` |
//! | times, kinds, counts | `fixed` |
//! | the tree around a span | `tree` |
//! | elements of arrays and key-value lists | `elements` |

mod cells;
mod decimal;
mod elements;
mod fixed;
mod symbols;
mod texts;
mod tree;

use std::cell::OnceCell;

use crate::{
    block::{Block, BlockError},
    sandbox::{
        Batch, Column, FixedColumn, Form, PackPlan, PackPre, Table, Values, Want, WantColumn,
    },
};

use super::select::{RowFilter, Rows, Selection};

pub(super) use self::symbols::Symbols;
use self::{elements::Elements, symbols::Texts, tree::Tree};

/// What rules of one pack read of one block.
pub(super) struct Projection<'a, 'b> {
    plan: &'a PackPlan,
    block: &'b Block,
    symbols: &'a mut Symbols<'b>,
    /// By want of the plan: whether a rule at hand reads it.
    read: Vec<bool>,
    /// The symbols of the literals.
    literals: Vec<u32>,
    /// By symbol of a span name its number among the names of the pack.
    numbers: Vec<u16>,
    /// The names of the rules at hand; `None` where they read all spans.
    names: Option<Vec<u32>>,
    tree: OnceCell<Tree>,
}

/// A batch in the making.
struct Making<'s> {
    tables: Tables<'s>,
    texts: Texts,
    elements: Elements,
}

/// The rows of a batch.
struct Tables<'s> {
    selection: &'s Selection,
    events: Option<Children>,
    links: Option<Children>,
}

/// The rows of a child table that belong to the selected spans.
struct Children {
    rows: Rows,
    /// For each selected span the end of its children.
    ends: Vec<u32>,
}

impl<'a, 'b> Projection<'a, 'b> {
    /// Prepares for the rules at these positions of the pack.
    pub(super) fn new(
        pack: &'a PackPre,
        rules: &[u32],
        block: &'b Block,
        symbols: &'a mut Symbols<'b>,
    ) -> Result<Self, BlockError> {
        let plan = pack.plan();
        let mut read = vec![false; plan.wants.len()];
        let mut literals = vec![u32::MAX; plan.literals.len()];
        let mut names = Some(Vec::new());
        for &rule in rules {
            let at = rule as usize;
            let (Some(uses), Some(description)) = (plan.by_rule.get(at), pack.rules().get(at))
            else {
                continue;
            };
            for &want in &uses.wants {
                if let Some(read) = read.get_mut(want as usize) {
                    *read = true;
                }
            }
            for &literal in &uses.literals {
                let at = literal as usize;
                if let (Some(text), Some(symbol)) = (plan.literals.get(at), literals.get_mut(at)) {
                    *symbol = symbols.literal(text)?;
                }
            }
            match &mut names {
                Some(names) if !description.all_spans => names.extend(&uses.names),
                _ => names = None,
            }
        }
        let mut projection = Self {
            plan,
            block,
            symbols,
            read,
            literals,
            numbers: Vec::new(),
            names,
            tree: OnceCell::new(),
        };
        // A parent is answered as a row, so it must be there.
        if projection.reads(&WantColumn::Fixed(FixedColumn::Parent)) {
            projection.names = None;
        }
        if projection.reads(&WantColumn::SpanName) {
            projection.numbers = projection.number_names()?;
        }
        Ok(projection)
    }

    fn reads(&self, column: &WantColumn) -> bool {
        let mut wants = self.plan.wants.iter().zip(&self.read);
        wants.any(|(want, read)| *read && want.column == *column)
    }

    /// Numbers the names that the pack declares, by their symbols in the block.
    fn number_names(&self) -> Result<Vec<u16>, BlockError> {
        let strings = self.block.strings()?;
        let mut numbers = Vec::new();
        for (name, number) in self.plan.names.iter().zip(1..) {
            let Some(symbol) = strings.lookup(name)? else {
                continue;
            };
            let symbol = symbol as usize;
            if numbers.len() <= symbol {
                numbers.resize(symbol + 1, 0);
            }
            if let Some(slot) = numbers.get_mut(symbol) {
                *slot = number;
            }
        }
        Ok(numbers)
    }

    /// Returns which rows the rules at hand read.
    pub(super) fn row_filter(&self) -> Result<RowFilter, BlockError> {
        let Some(names) = &self.names else {
            return Ok(RowFilter::All);
        };
        let strings = self.block.strings()?;
        let mut marked = Vec::new();
        for &name in names {
            let Some(name) = self.plan.names.get(name as usize) else {
                continue;
            };
            let Some(symbol) = strings.lookup(name)? else {
                continue;
            };
            let symbol = symbol as usize;
            if marked.len() <= symbol {
                marked.resize(symbol + 1, false);
            }
            if let Some(slot) = marked.get_mut(symbol) {
                *slot = true;
            }
        }
        Ok(RowFilter::Named(marked))
    }

    /// Projects a batch.
    pub(super) fn batch(&mut self, selection: &Selection) -> Result<Batch, BlockError> {
        let plan = self.plan;
        let mut making = Making {
            tables: Tables {
                selection,
                events: None,
                links: None,
            },
            texts: Texts::new(),
            elements: Elements::default(),
        };
        let mut columns: Vec<Column> = Vec::with_capacity(plan.wants.len());
        for (number, (want, read)) in plan.wants.iter().zip(self.read.clone()).enumerate() {
            let column = if read && want.column.table() != Table::Elements {
                self.column(want, number as u32, &mut making)?
            } else {
                self.empty(want)
            };
            columns.push(column);
        }
        // Which elements there are is known once every column that points to them is.
        let rows = making.elements.settle(&mut columns);
        for ((want, read), column) in plan.wants.iter().zip(&self.read).zip(&mut columns) {
            if *read && want.column.table() == Table::Elements {
                *column =
                    elements::project(self.block, want, &rows, self.symbols, &mut making.texts)?;
            }
        }
        let facts = self.block.facts()?;
        Ok(Batch {
            traces: selection.traces.len() as u32,
            trace_ends: selection.trace_ends.clone(),
            facts: selection
                .traces
                .iter()
                .map(|trace| facts.get(*trace as usize).copied().unwrap_or(0))
                .collect(),
            columns,
            literals: self.literals.clone(),
            text: making.texts.text,
            text_ends: making.texts.ends,
        })
    }

    /// Projects a column of spans, events or links.
    fn column(
        &mut self,
        want: &Want,
        number: u32,
        making: &mut Making<'_>,
    ) -> Result<Column, BlockError> {
        making.tables.find_children(self.block, &want.column)?;
        match &want.column {
            WantColumn::SpanName if want.form == Form::Declared => {
                let names = making.tables.selection.rows.pick(self.block.names()?);
                Ok(dense(Table::Spans, self.declared(&names)))
            }
            WantColumn::SpanName => self.text_column(None, want.form, making),
            WantColumn::Text(column) => self.text_column(Some(*column), want.form, making),
            WantColumn::Fixed(column) => self.fixed_column(*column, making),
            WantColumn::Attribute { scope, key } => {
                self.attribute_column((*scope, key), want.form, number, making)
            }
            // Projected when the elements are known.
            WantColumn::ElementValue => Ok(self.empty(want)),
        }
    }

    fn is_wide(&self) -> bool {
        self.plan.names.len() > usize::from(u8::MAX)
    }

    fn declared(&self, names: &[u32]) -> Values {
        let number = |name: &u32| self.numbers.get(*name as usize).copied().unwrap_or(0);
        if self.is_wide() {
            Values::U16s(names.iter().map(number).collect())
        } else {
            // At most 255 names, so the number fits.
            Values::U8s(names.iter().map(|name| number(name) as u8).collect())
        }
    }

    /// Returns the column of a want that no rule at hand reads.
    fn empty(&self, want: &Want) -> Column {
        let values = match (&want.column, want.form) {
            (WantColumn::Fixed(column), _) => fixed::empty(*column),
            (_, Form::Declared) => self.declared(&[]),
            (_, Form::Truth) => Values::U8s(Vec::new()),
            (_, Form::Number | Form::Value) => Values::U64s(Vec::new()),
            (_, Form::Symbol | Form::Text) => Values::U32s(Vec::new()),
        };
        dense(want.column.table(), values)
    }

    fn tree(&self) -> Result<&Tree, BlockError> {
        if let Some(tree) = self.tree.get() {
            return Ok(tree);
        }
        let tree = Tree::of(self.block)?;
        Ok(self.tree.get_or_init(|| tree))
    }
}

impl Tables<'_> {
    /// Finds the events or links of the selected spans, where the column speaks of them.
    fn find_children(&mut self, block: &Block, column: &WantColumn) -> Result<(), BlockError> {
        // The ends of a child table are a column of spans.
        let ends_of = if *column == WantColumn::Fixed(FixedColumn::EventEnds) {
            Table::Events
        } else if *column == WantColumn::Fixed(FixedColumn::LinkEnds) {
            Table::Links
        } else {
            column.table()
        };
        let rows = &self.selection.rows;
        match ends_of {
            Table::Events if self.events.is_none() => {
                self.events = Some(Children::of(block.event_ends()?, rows));
            }
            Table::Links if self.links.is_none() => {
                self.links = Some(Children::of(block.link_ends()?, rows));
            }
            Table::Spans | Table::Events | Table::Links | Table::Elements => {}
        }
        Ok(())
    }

    /// Returns the selected rows of a table.
    fn rows(&self, table: Table) -> &Rows {
        const NONE: &Rows = &Rows::Range(0..0);
        match table {
            Table::Spans => &self.selection.rows,
            Table::Events => self.events.as_ref().map_or(NONE, |events| &events.rows),
            Table::Links => self.links.as_ref().map_or(NONE, |links| &links.rows),
            Table::Elements => NONE,
        }
    }

    /// Returns which trace of the batch a cell of a table belongs to.
    fn trace_of(&self, table: Table, cell: u32) -> u32 {
        let span_of = |children: &Option<Children>| {
            let ends = children.as_ref().map_or(&[][..], |children| &children.ends);
            ends.partition_point(|end| *end <= cell) as u32
        };
        let span = match table {
            Table::Spans | Table::Elements => cell,
            Table::Events => span_of(&self.events),
            Table::Links => span_of(&self.links),
        };
        let ends = &self.selection.trace_ends;
        ends.partition_point(|end| *end <= span) as u32
    }
}

impl Children {
    fn of(ends: &[u32], spans: &Rows) -> Self {
        let mut rows = Vec::new();
        let mut ends_here = Vec::with_capacity(spans.len());
        spans.for_each(|span| {
            let span = span as usize;
            let before = span.checked_sub(1).and_then(|before| ends.get(before));
            let end = ends.get(span).copied().unwrap_or(0);
            rows.extend(before.copied().unwrap_or(0)..end);
            ends_here.push(rows.len() as u32);
        });
        Self {
            rows: Rows::of(rows),
            ends: ends_here,
        }
    }
}

fn dense(table: Table, values: Values) -> Column {
    Column {
        table: table as u8,
        kinds: Vec::new(),
        values,
    }
}
