//! The table of a pattern, and how it lies in memory.

/// State 0 never matches and state 1 has matched; whatever follows, they stay. A text matches if it ends in a state
/// from 1 up to, not including, `accepting_end`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    /// For each byte its class.
    pub(super) classes: [u8; 256],
    pub(super) classes_len: usize,
    /// A row for each state, a cell for each class.
    pub(super) next: Vec<u32>,
    pub(super) start: u32,
    pub(super) accepting_end: u32,
}

impl Table {
    /// How many bytes it takes in memory.
    pub(crate) fn size_bytes(&self) -> usize {
        self.classes.len() + 2 * self.next.len()
    }

    /// By how much the number of a state is to be multiplied to get the first cell of its row. 1 in a table of which the
    /// cells say that at once: such as have not too many for 2 bytes.
    pub(crate) fn stride(&self) -> u32 {
        if self.is_small() {
            1
        } else {
            self.classes_len as u32
        }
    }

    fn is_small(&self) -> bool {
        self.next.len() <= 1 << 16
    }

    /// The class of each byte.
    pub(crate) fn classes(&self) -> &[u8; 256] {
        &self.classes
    }

    /// The cells, of 2 bytes: of each state and class, the number of the next state.
    pub(crate) fn cells(&self) -> Vec<u8> {
        let cells = self.next.iter().map(|state| self.number(*state) as u16);
        cells.flat_map(u16::to_le_bytes).collect()
    }

    /// The number of the state that has matched; only that of state 0 is less.
    pub(crate) fn matched(&self) -> u32 {
        self.number(super::MATCHED)
    }

    /// The number of the state in which texts begin.
    pub(crate) fn start(&self) -> u32 {
        self.number(self.start)
    }

    /// The end of the numbers of the states in which a text that matches ends; 0 is not among them.
    pub(crate) fn accepting_end(&self) -> u32 {
        self.number(self.accepting_end)
    }

    fn number(&self, state: u32) -> u32 {
        if self.is_small() {
            state * self.classes_len as u32
        } else {
            state
        }
    }
}
