//! The texts that packs compare with: joined over all packs that are shown one batch.

use hashbrown::HashMap;

use crate::block::{BlockError, NONE};

use super::{Projection, symbols::Symbols};

/// The literals of some packs, each once.
pub(in crate::judge) struct Literals<'p> {
    texts: Vec<&'p str>,
    /// By pack and literal of the pack, where in `texts` it is; `None` where no rule at hand compares with it.
    of_packs: Vec<Vec<Option<u32>>>,
}

impl<'p> Literals<'p> {
    /// Joins what the rules at hand of these packs compare with.
    pub(in crate::judge) fn of<'a: 'p>(
        projections: impl IntoIterator<Item = &'p Projection<'a>>,
    ) -> Self {
        let mut texts = Vec::new();
        let mut numbers: HashMap<&str, u32, foldhash::fast::FixedState> = HashMap::default();
        let mut number = |text: &'p str| {
            *numbers.entry(text).or_insert_with(|| {
                texts.push(text);
                texts.len() as u32 - 1
            })
        };
        let of_packs = projections
            .into_iter()
            .map(|of| {
                let literals = of.pack.literals.iter().zip(&of.compared);
                literals
                    .map(|(text, compared)| compared.then(|| number(text)))
                    .collect()
            })
            .collect();
        Self { texts, of_packs }
    }

    /// Returns how many there are.
    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    /// Returns the symbol of each in a block; [`NONE`] where no cell can have that text.
    pub(super) fn symbols(&self, symbols: &mut Symbols<'_>) -> Result<Vec<u32>, BlockError> {
        let texts = self.texts.iter();
        texts.map(|text| symbols.literal(text)).collect()
    }

    /// Returns what a pack is told of its literals, where `symbols` are those of all.
    pub(in crate::judge) fn of_pack(&self, pack: usize, symbols: &[u32]) -> Vec<u32> {
        let literals = self.of_packs.get(pack).into_iter().flatten();
        let symbol = |at: &Option<u32>| symbols.get((*at)? as usize).copied();
        literals.map(|at| symbol(at).unwrap_or(NONE)).collect()
    }
}
