//! The columns of a batch as one rule of a call sees them: its own, found once a call.

use crate::{
    bindings::exports::betrace::rules::pack::{Batch, Column, Values},
    rule::{Form, Rule, Source},
};

/// What one rule sees of a batch.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub(crate) rule: &'static Rule,
    pub(crate) batch: &'a Batch,
    /// One for each of the rule's reads, in its order.
    pub(crate) columns: Vec<&'a Column>,
    /// The numbers of the rule's names, in its order.
    pub(crate) names: Vec<u16>,
    /// Of each span the number of its name, where the rule declares names.
    pub(crate) declared: Option<&'a Values>,
    /// The symbols of the rule's literals, in its order.
    pub(crate) literals: Vec<u32>,
}

impl<'a> View<'a> {
    /// Returns the column that a rule reads, and none where it did not declare it: in tests that is an error.
    #[inline]
    pub(crate) fn column(&self, source: Source, key: &str, form: Form) -> Option<&'a Column> {
        let reads = self.rule.reads.iter().zip(&self.columns);
        for (read, column) in reads {
            if read.source == source && read.form == form && is_same(read.key, key) {
                return Some(column);
            }
        }
        undeclared(self.rule, source, key, form)
    }

    /// Returns a cell of a column of `u32s`.
    #[inline]
    pub(crate) fn word(&self, source: Source, key: &str, form: Form, row: u32) -> Option<u32> {
        match &self.column(source, key, form)?.values {
            Values::U32s(cells) => cells.get(row as usize).copied(),
            Values::U8s(_) | Values::U16s(_) | Values::U64s(_) => None,
        }
    }

    /// Returns a cell of a column of `u8s`.
    #[inline]
    pub(crate) fn byte(&self, source: Source, key: &str, form: Form, row: u32) -> Option<u8> {
        match &self.column(source, key, form)?.values {
            Values::U8s(cells) => cells.get(row as usize).copied(),
            Values::U16s(_) | Values::U32s(_) | Values::U64s(_) => None,
        }
    }

    /// Returns a cell of a column of `u64s`.
    #[inline]
    pub(crate) fn long(&self, source: Source, row: u32) -> Option<u64> {
        match &self.column(source, "", Form::Value)?.values {
            Values::U64s(cells) => cells.get(row as usize).copied(),
            Values::U8s(_) | Values::U16s(_) | Values::U32s(_) => None,
        }
    }

    /// Returns a cell of a column with kinds.
    #[inline]
    pub(crate) fn tagged(
        &self,
        source: Source,
        key: &str,
        form: Form,
        row: u32,
    ) -> Option<(u8, u64)> {
        let column = self.column(source, key, form)?;
        let kind = column.kinds.get(row as usize)?;
        match &column.values {
            Values::U64s(cells) => Some((*kind, *cells.get(row as usize)?)),
            Values::U8s(_) | Values::U16s(_) | Values::U32s(_) => None,
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
    pub(crate) fn number_of(&self, name: &str) -> Option<u16> {
        let names = self.rule.names.iter().zip(&self.names);
        for (declared, number) in names {
            if is_same(declared, name) {
                return Some(*number);
            }
        }
        unnamed(self.rule, name)
    }

    /// Returns the symbol of a literal, and none where no cell of the batch can have its text.
    #[inline]
    pub(crate) fn symbol_of(&self, literal: &str) -> Option<u32> {
        let literals = self.rule.literals.iter().zip(&self.literals);
        for (declared, symbol) in literals {
            if is_same(declared, literal) {
                return (*symbol != u32::MAX).then_some(*symbol);
            }
        }
        not_literal(self.rule, literal)
    }

    /// Returns the number of the name of a span, 0 for one that the pack does not declare.
    #[inline]
    pub(crate) fn name_number(&self, row: u32) -> u16 {
        let number = match self.declared {
            Some(Values::U8s(cells)) => cells.get(row as usize).map(|number| u16::from(*number)),
            Some(Values::U16s(cells)) => cells.get(row as usize).copied(),
            Some(Values::U32s(_) | Values::U64s(_)) | None => None,
        };
        number.unwrap_or(0)
    }
}

/// Compares the words of a rule's body with those of its declaration. The compiler mostly makes one text of both, and a
/// place is sooner compared than a text.
#[inline]
fn is_same(declared: &str, word: &str) -> bool {
    declared.len() == word.len() && (declared.as_ptr() == word.as_ptr() || declared == word)
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
