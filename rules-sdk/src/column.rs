//! The columns of a batch as one rule of a call sees them: its own, found once a call.

use std::cell::Cell;

use crate::{
    bindings::exports::betrace::rules::pack::{Batch, Column, Values},
    rule::{Form, Rule, Source},
};

/// What one rule sees of a batch.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub(crate) rule: &'static Rule,
    pub(crate) batch: &'a Batch,
    /// What must not be missing of a trace, as bits of its facts.
    pub(crate) needs: u8,
    pub(crate) columns: Vec<Bound<Asked, Shown<'a>>>,
    /// The names with their numbers.
    pub(crate) names: Vec<Bound<(), u16>>,
    /// The literals with their symbols.
    pub(crate) literals: Vec<Bound<(), u32>>,
    /// Of each span the number of its name.
    pub(crate) declared: Numbers<'a>,
}

/// A word that the rule declares, with what it stands for in this call.
#[derive(Debug)]
pub(crate) struct Bound<T, V> {
    word: &'static str,
    /// Where the rule's body last had this word: a text that lives as long as the program, so that its place and length are
    /// its content. The compiler keeps the texts of the body and of the declaration apart, and comparing them byte by byte
    /// for every span would be most of what a rule costs.
    place: Cell<*const u8>,
    of: T,
    pub(crate) value: V,
}

/// What is asked about, and in which form: compared as one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked(u16);

/// A column that the host shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a> {
    kinds: &'a [u8],
    cells: Cells<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Cells<'a> {
    Bytes(&'a [u8]),
    Words(&'a [u32]),
    Longs(&'a [u64]),
}

/// The numbers of names, a cell for each span.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Numbers<'a> {
    /// Of a pack of at most 255 names.
    Bytes(&'a [u8]),
    /// Of a larger one.
    Words(&'a [u16]),
}

impl<T, V> Bound<T, V> {
    pub(crate) fn new(word: &'static str, of: T, value: V) -> Self {
        Self {
            word,
            place: Cell::new(word.as_ptr()),
            of,
            value,
        }
    }

    /// Whether this is the word.
    #[inline]
    fn is(&self, word: &'static str) -> bool {
        self.word.len() == word.len()
            && (self.place.get() == word.as_ptr() || self.is_spelled(word))
    }

    #[cold]
    fn is_spelled(&self, word: &'static str) -> bool {
        let is_same = self.word == word;
        if is_same {
            self.place.set(word.as_ptr());
        }
        is_same
    }
}

impl Asked {
    #[inline]
    pub(crate) fn of(source: Source, form: Form) -> Self {
        Self((source as u16) << 8 | form as u16)
    }
}

impl<'a> Shown<'a> {
    pub(crate) fn of(column: &'a Column) -> Self {
        Self {
            kinds: &column.kinds,
            cells: match &column.values {
                Values::U8s(cells) => Cells::Bytes(cells),
                Values::U32s(cells) => Cells::Words(cells),
                Values::U64s(cells) => Cells::Longs(cells),
                // Only names that are declared come so.
                Values::U16s(_) => Cells::Bytes(&[]),
            },
        }
    }
}

impl<'a> Numbers<'a> {
    pub(crate) fn of(column: &'a Column) -> Self {
        match &column.values {
            Values::U8s(cells) => Self::Bytes(cells),
            Values::U16s(cells) => Self::Words(cells),
            Values::U32s(_) | Values::U64s(_) => Self::Bytes(&[]),
        }
    }
}

impl<'a> View<'a> {
    /// Returns the column that a rule reads, and none where it did not declare it: in tests that is an error.
    #[inline]
    pub(crate) fn column(
        &self,
        source: Source,
        key: &'static str,
        form: Form,
    ) -> Option<Shown<'a>> {
        let asked = Asked::of(source, form);
        for column in &self.columns {
            if column.of == asked && column.is(key) {
                return Some(column.value);
            }
        }
        undeclared(self.rule, source, key, form)
    }

    /// Returns a cell of a column of `u32s`.
    #[inline]
    pub(crate) fn word(
        &self,
        source: Source,
        key: &'static str,
        form: Form,
        row: u32,
    ) -> Option<u32> {
        match self.column(source, key, form)?.cells {
            Cells::Words(cells) => cells.get(row as usize).copied(),
            Cells::Bytes(_) | Cells::Longs(_) => None,
        }
    }

    /// Returns a cell of a column of `u8s`.
    #[inline]
    pub(crate) fn byte(
        &self,
        source: Source,
        key: &'static str,
        form: Form,
        row: u32,
    ) -> Option<u8> {
        match self.column(source, key, form)?.cells {
            Cells::Bytes(cells) => cells.get(row as usize).copied(),
            Cells::Words(_) | Cells::Longs(_) => None,
        }
    }

    /// Returns a cell of a column of `u64s`.
    #[inline]
    pub(crate) fn long(&self, source: Source, row: u32) -> Option<u64> {
        match self.column(source, "", Form::Value)?.cells {
            Cells::Longs(cells) => cells.get(row as usize).copied(),
            Cells::Bytes(_) | Cells::Words(_) => None,
        }
    }

    /// Returns a cell of a column with kinds.
    #[inline]
    pub(crate) fn tagged(
        &self,
        source: Source,
        key: &'static str,
        form: Form,
        row: u32,
    ) -> Option<(u8, u64)> {
        let column = self.column(source, key, form)?;
        let kind = column.kinds.get(row as usize)?;
        match column.cells {
            Cells::Longs(cells) => Some((*kind, *cells.get(row as usize)?)),
            Cells::Bytes(_) | Cells::Words(_) => None,
        }
    }

    /// Returns a text of the batch by its number; 0 stands for none.
    pub(crate) fn text(&self, number: u32) -> Option<&'a str> {
        let number = number as usize;
        let ends = &self.batch.text_ends;
        let from = *ends.get(number.checked_sub(1)?)? as usize;
        let bytes = self.batch.text.get(from..*ends.get(number)? as usize)?;
        str::from_utf8(bytes).ok()
    }

    /// Returns the number of a name, which is never 0.
    #[inline]
    pub(crate) fn number_of(&self, name: &'static str) -> Option<u16> {
        for declared in &self.names {
            if declared.is(name) {
                return Some(declared.value);
            }
        }
        unnamed(self.rule, name)
    }

    /// Returns the symbol of a literal, and none where no cell of the batch can have its text.
    #[inline]
    pub(crate) fn symbol_of(&self, literal: &'static str) -> Option<u32> {
        for declared in &self.literals {
            if declared.is(literal) {
                return (declared.value != u32::MAX).then_some(declared.value);
            }
        }
        not_literal(self.rule, literal)
    }

    /// Returns the number of the name of a span, 0 for one that the pack does not declare.
    #[inline]
    pub(crate) fn name_number(&self, row: u32) -> u16 {
        let row = row as usize;
        let number = match self.declared {
            Numbers::Bytes(cells) => cells.get(row).map(|number| u16::from(*number)),
            Numbers::Words(cells) => cells.get(row).copied(),
        };
        number.unwrap_or(0)
    }
}

#[cfg(all(feature = "testing", not(target_arch = "wasm32")))]
#[expect(clippy::panic, reason = "ends a test, and is in no component")]
mod told {
    use super::{Form, Rule, Source};

    #[cold]
    pub(super) fn undeclared<T>(rule: &Rule, source: Source, key: &str, form: Form) -> Option<T> {
        let (id, argument) = (rule.id, source.declared_by());
        let word = form.word();
        let attribute = source.declared_as().is_empty();
        let other = rule
            .reads
            .iter()
            .find(|read| attribute && read.source == source && read.key == key);
        let other = other.map(|read| read.form.word());
        match (attribute, other) {
            (true, Some(declared)) => panic!(
                "rule `{id}` reads the attribute `{key}` as {word} and declares it as {declared}: \
                 add \"{key}\" as {word} to its {argument}"
            ),
            (true, None) => panic!(
                "rule `{id}` reads the attribute `{key}` and does not declare it: add \"{key}\" as {word} to its {argument}"
            ),
            (false, _) => {
                let declared = source.declared_as();
                panic!(
                    "rule `{id}` reads `{declared}` and does not declare it: add {declared} to its {argument}"
                )
            }
        }
    }

    #[cold]
    pub(super) fn unnamed<T>(rule: &Rule, name: &str) -> Option<T> {
        panic!(
            "rule `{}` speaks of spans named `{name}` and does not declare them: add \"{name}\" to its spans",
            rule.id
        )
    }

    #[cold]
    pub(super) fn not_literal<T>(rule: &Rule, literal: &str) -> Option<T> {
        panic!(
            "rule `{}` compares with `{literal}` and does not declare it: add \"{literal}\" to its literals",
            rule.id
        )
    }
}

#[cfg(not(all(feature = "testing", not(target_arch = "wasm32"))))]
mod told {
    use super::{Form, Rule, Source};

    #[cold]
    pub(super) fn undeclared<T>(_: &Rule, _: Source, _: &str, _: Form) -> Option<T> {
        None
    }

    #[cold]
    pub(super) fn unnamed<T>(_: &Rule, _: &str) -> Option<T> {
        None
    }

    #[cold]
    pub(super) fn not_literal<T>(_: &Rule, _: &str) -> Option<T> {
        None
    }
}

use told::{not_literal, undeclared, unnamed};
