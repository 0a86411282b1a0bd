//! From blocks to a batch: the columns that a pack's rules read, as `wit/pack.wit` says.
//!
//! Of a pack only what the rules at hand ask for is projected; a column that none of them asked for is empty.
//! Each block is projected by itself, and what several blocks give is joined: most calls are of one block, or of
//! little of each of many.
//!
//! | columns | file |
//! |---|---|
//! | symbols and texts, which all columns of a batch share | `symbols` |
//! | attributes: of spans, and of what they share | `attributes` |
//! | their cells, in five forms | `cells` |
//! | what they are compared with | `literals` |
//! | names, ids and other texts | `texts` |
//! | times, kinds, counts | `fixed` |
//! | the tree around a span | `tree` |
//! | elements of arrays and key-value lists | `elements` |
//! | the columns of several blocks as one | `join` |

mod attributes;
mod cells;
mod decimal;
mod elements;
mod fixed;
mod join;
mod literals;
mod symbols;
mod texts;
mod tree;

use crate::{
    block::{Block, BlockError},
    sandbox::{
        Batch, Column, FixedColumn, Form, PackPlan, PackPre, Table, Values, Want, WantColumn,
    },
};

use super::{
    plan::JudgePlan,
    rows::Rows,
    select::{Part, Selection},
    view::{View, by_symbol},
};

use self::{
    elements::Elements,
    join::{Joined, OfBlock, TableRows},
    symbols::Texts,
};
pub(super) use self::{literals::Literals, symbols::Symbols, tree::Tree};

/// A column that several calls are shown is worked out for the whole block where one of them is shown this part of it.
const SHARED_ROWS_PART: usize = 4;

/// What rules of one pack read, of any block.
pub(super) struct Projection<'a> {
    pack: &'a PackPlan,
    plan: &'a JudgePlan<'a>,
    /// By want of the pack: whether a rule at hand reads it.
    read: Vec<bool>,
    /// By literal of the pack: whether a rule at hand compares with it.
    compared: Vec<bool>,
    /// By name of the pack its number in the plan; empty where no rule at hand reads names.
    names: Vec<Option<u32>>,
}

/// A part of a batch in the making: what of one block is in it.
struct Making<'s, 'b> {
    block: &'b Block,
    tables: Tables<'s>,
    elements: Elements,
    /// By symbol of a span name its number among the names of the pack.
    numbers: Vec<u16>,
}

/// The rows of a part.
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

impl<'a> Projection<'a> {
    /// Prepares for the rules at these positions of the pack.
    pub(super) fn new(
        plan: &'a JudgePlan<'a>,
        pack: &'a PackPre,
        rules: impl IntoIterator<Item = u32>,
    ) -> Self {
        let of_pack = pack.plan();
        let mut read = vec![false; of_pack.wants.len()];
        let mut compared = vec![false; of_pack.literals.len()];
        let mark = |marks: &mut [bool], places: &[u32]| {
            for &place in places {
                if let Some(mark) = marks.get_mut(place as usize) {
                    *mark = true;
                }
            }
        };
        for rule in rules {
            if let Some(uses) = of_pack.by_rule.get(rule as usize) {
                mark(&mut read, &uses.wants);
                mark(&mut compared, &uses.literals);
            }
        }
        let mut wants = of_pack.wants.iter().zip(&read);
        let reads_names = wants.any(|(want, read)| *read && want.form == Form::Declared);
        let names = if reads_names {
            of_pack.names.iter().map(|name| plan.name(name)).collect()
        } else {
            Vec::new()
        };
        Self {
            pack: of_pack,
            plan,
            read,
            compared,
            names,
        }
    }

    /// Whether another pack is shown the same columns of the same rows, whatever it compares them with.
    pub(super) fn is_shown_as(&self, other: &Self) -> bool {
        self.read == other.read && self.pack.wants == other.pack.wants && self.names == other.names
    }

    /// Prepares for other rules of the pack.
    pub(super) fn of_rules(&self, pack: &'a PackPre, rules: impl IntoIterator<Item = u32>) -> Self {
        Self::new(self.plan, pack, rules)
    }

    /// Projects a batch of parts of these blocks; its literals are those of this pack.
    ///
    /// # Errors
    ///
    /// Which block cannot be read, and why.
    pub(super) fn batch(
        &self,
        views: &mut [View<'_>],
        parts: &[Part],
    ) -> Result<Batch, (usize, BlockError)> {
        let literals = Literals::of([self]);
        let mut batch = self.batch_with(views, parts, &literals)?;
        batch.literals = literals.of_pack(0, &batch.literals);
        Ok(batch)
    }

    /// Projects a batch for all packs to which these literals belong; it has the symbols of all of them.
    ///
    /// # Errors
    ///
    /// As [`Self::batch`].
    pub(super) fn batch_with(
        &self,
        views: &mut [View<'_>],
        parts: &[Part],
        literals: &Literals<'_>,
    ) -> Result<Batch, (usize, BlockError)> {
        let mut texts = Texts::new();
        if let [part] = parts
            && let Some(view) = views.get_mut(part.view)
        {
            let alone = self.of_block(view, &part.selection, literals, &mut texts);
            let alone = alone.map_err(|error| (part.view, error))?;
            return Ok(alone.into_batch(texts));
        }
        let n_rows = parts.iter().map(|part| part.selection.rows.len()).sum();
        let mut joined = Joined::new(self, n_rows, literals);
        for part in parts {
            if let Some(view) = views.get_mut(part.view) {
                texts.begin_block();
                let more = self.of_block(view, &part.selection, literals, &mut texts);
                joined.add(more.map_err(|error| (part.view, error))?);
            }
        }
        Ok(joined.into_batch(texts))
    }

    /// Projects what is selected of one block.
    fn of_block(
        &self,
        view: &mut View<'_>,
        selection: &Selection,
        literals: &Literals<'_>,
        texts: &mut Texts,
    ) -> Result<OfBlock, BlockError> {
        let literals = literals.symbols(&mut view.symbols)?;
        let (columns, rows) = self.columns(view, selection, texts)?;
        let facts = view.block.facts()?;
        let of_trace = |trace: &u32| facts.get(*trace as usize).copied().unwrap_or(0);
        Ok(OfBlock {
            trace_ends: selection.trace_ends.clone(),
            facts: selection.traces.iter().map(of_trace).collect(),
            columns,
            literals,
            symbols_end: view.symbols.end()?,
            rows,
        })
    }

    /// Numbers the names that the pack declares, by their symbols in the block.
    fn numbers(&self, view: &View<'_>) -> Result<Vec<u16>, BlockError> {
        if self.names.is_empty() {
            return Ok(Vec::new());
        }
        let symbols = view.names(self.plan)?;
        let numbered = self.names.iter().zip(1..);
        let numbered = numbered.filter_map(|(name, number)| {
            let symbol = symbols.get((*name)? as usize)?;
            Some((*symbol, number))
        });
        Ok(by_symbol(numbered, 0))
    }

    fn columns(
        &self,
        view: &mut View<'_>,
        selection: &Selection,
        texts: &mut Texts,
    ) -> Result<(Vec<Column>, TableRows), BlockError> {
        let mut making = Making {
            block: view.block,
            tables: Tables {
                selection,
                events: None,
                links: None,
            },
            elements: Elements::default(),
            numbers: self.numbers(view)?,
        };
        let mut columns: Vec<Column> = Vec::with_capacity(self.pack.wants.len());
        for ((want, read), number) in self.pack.wants.iter().zip(&self.read).zip(0..) {
            let column = if *read && want.column.table() != Table::Elements {
                self.column((want, number), view, &mut making, texts)?
            } else {
                self.empty(want)
            };
            columns.push(column);
        }
        // Which elements there are is known once every column that points to them is.
        let rows = making.elements.settle(&mut columns);
        for ((want, read), column) in self.pack.wants.iter().zip(&self.read).zip(&mut columns) {
            if *read && want.column.table() == Table::Elements {
                *column = elements::project(view.block, want, &rows, &mut view.symbols, texts)?;
            }
        }
        let rows = TableRows {
            spans: selection.rows.len() as u32,
            events: making.tables.rows(Table::Events).len() as u32,
            links: making.tables.rows(Table::Links).len() as u32,
            elements: rows.len() as u32,
        };
        Ok((columns, rows))
    }

    /// Projects a column of spans, events or links; `number` is that of its want.
    fn column(
        &self,
        (want, number): (&Want, u32),
        view: &mut View<'_>,
        making: &mut Making<'_, '_>,
        texts: &mut Texts,
    ) -> Result<Column, BlockError> {
        making.tables.find_children(making.block, &want.column)?;
        match &want.column {
            WantColumn::SpanName if want.form == Form::Declared => {
                let rows = &making.tables.selection.rows;
                let names = rows.read(making.block, Block::names, Block::names_at)?;
                Ok(dense(Table::Spans, self.declared(&making.numbers, &names)))
            }
            WantColumn::SpanName => making.text_column(None, want.form, &mut view.symbols, texts),
            WantColumn::Text(column) => {
                making.text_column(Some(*column), want.form, &mut view.symbols, texts)
            }
            WantColumn::Fixed(column) => making.fixed_column(*column, view),
            WantColumn::Attribute { scope, key } => {
                if let Some(column) = self.shared(want, view, &making.tables.selection.rows)? {
                    return Ok(column);
                }
                let symbols = &mut view.symbols;
                making.attribute_column((*scope, key), (want.form, number), symbols, texts)
            }
            // Projected when the elements are known.
            WantColumn::ElementValue => Ok(self.empty(want)),
        }
    }

    /// Projects an attribute of spans that other calls of the block are shown too: worked out for all rows of the block
    /// once, then picked. `None` where that is not so, or would be more work.
    fn shared(
        &self,
        want: &Want,
        view: &mut View<'_>,
        rows: &Rows,
    ) -> Result<Option<Column>, BlockError> {
        // Texts and elements are of one batch.
        let WantColumn::Attribute { scope, key } = &want.column else {
            return Ok(None);
        };
        let n_rows = view.block.meta().n_spans;
        let is_of_block = match want.form {
            Form::Symbol | Form::Truth | Form::Number => true,
            Form::Declared | Form::Text | Form::Value => false,
        };
        let is_worth_it = rows.len() * SHARED_ROWS_PART >= n_rows as usize;
        let is_shared = is_of_block
            && want.column.table() == Table::Spans
            && self.plan.shares_column(want)
            && (is_worth_it || view.columns.contains_key(want));
        if !is_shared {
            return Ok(None);
        }
        if !view.columns.contains_key(want) {
            let all = Rows::Range(0..n_rows);
            let column = attributes::attribute(
                view.block,
                &all,
                (Table::Spans, *scope, key),
                want.form,
                &mut view.symbols,
                &mut Texts::new(),
            )?;
            view.columns.insert(want.clone(), column);
        }
        let Some(column) = view.columns.get(want) else {
            return Ok(None);
        };
        Ok(Some(Column {
            table: column.table,
            kinds: match column.kinds.as_slice() {
                [] => Vec::new(),
                kinds => rows.pick(kinds),
            },
            values: match &column.values {
                Values::U8s(cells) => Values::U8s(rows.pick(cells)),
                Values::U16s(cells) => Values::U16s(rows.pick(cells)),
                Values::U32s(cells) => Values::U32s(rows.pick(cells)),
                Values::U64s(cells) => Values::U64s(rows.pick(cells)),
            },
        }))
    }

    fn declared(&self, numbers: &[u16], names: &[u32]) -> Values {
        let number = |name: &u32| numbers.get(*name as usize).copied().unwrap_or(0);
        if self.pack.names.len() > usize::from(u8::MAX) {
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
            (_, Form::Declared) => self.declared(&[], &[]),
            (_, Form::Truth) => Values::U8s(Vec::new()),
            (_, Form::Number | Form::Value) => Values::U64s(Vec::new()),
            (_, Form::Symbol | Form::Text) => Values::U32s(Vec::new()),
        };
        dense(want.column.table(), values)
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
