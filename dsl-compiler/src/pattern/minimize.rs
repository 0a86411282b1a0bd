//! The smallest table of an automaton.
//!
//! States that no text tells apart become one: Valmari's refinement ("Fast brief practical DFA minimization", 2012), in
//! n log n of the transitions. Then classes of bytes that lead to the same states become one.
#![expect(
    clippy::indexing_slicing,
    reason = "every index is a state, a transition or a set of the automaton at hand"
)]

use std::{collections::HashMap, ops::Range};

use super::{DEAD, MATCHED, Raw, Table};

/// A state's number has 2 bytes.
const STATES_MAX: usize = 1 << 16;

/// Elements in sets that are split further and further.
#[derive(Debug)]
struct Partition {
    elements: Vec<u32>,
    /// Where each element is in `elements`, and in which set.
    locations: Vec<u32>,
    sets: Vec<u32>,
    /// Where each set lies in `elements`, and how many of its first elements are marked.
    ranges: Vec<Range<u32>>,
    marked: Vec<u32>,
    /// The sets with marked elements.
    touched: Vec<u32>,
}

impl Partition {
    /// Sets of elements that have the same key, the keys being `0..keys`.
    fn by_key(len: usize, keys: usize, key: impl Fn(u32) -> usize) -> Self {
        let mut ends = vec![0_u32; keys + 1];
        for element in 0..len as u32 {
            ends[key(element) + 1] += 1;
        }
        for index in 0..keys {
            ends[index + 1] += ends[index];
        }
        let ranges: Vec<Range<u32>> = ends
            .windows(2)
            .map(|ends| ends[0]..ends[1])
            .filter(|range| !range.is_empty())
            .collect();
        let mut partition = Self {
            elements: vec![0; len],
            locations: vec![0; len],
            sets: vec![0; len],
            marked: vec![0; ranges.len()],
            ranges,
            touched: Vec::new(),
        };
        for element in 0..len as u32 {
            let slot = &mut ends[key(element)];
            partition.elements[*slot as usize] = element;
            partition.locations[element as usize] = *slot;
            *slot += 1;
        }
        for (set, range) in partition.ranges.iter().enumerate() {
            for location in range.clone() {
                partition.sets[partition.elements[location as usize] as usize] = set as u32;
            }
        }
        partition
    }

    fn mark(&mut self, element: u32) {
        let set = self.sets[element as usize] as usize;
        let location = self.locations[element as usize];
        let first_unmarked = self.ranges[set].start + self.marked[set];
        if location < first_unmarked {
            return;
        }
        let other = self.elements[first_unmarked as usize];
        self.elements[location as usize] = other;
        self.locations[other as usize] = location;
        self.elements[first_unmarked as usize] = element;
        self.locations[element as usize] = first_unmarked;
        if self.marked[set] == 0 {
            self.touched.push(set as u32);
        }
        self.marked[set] += 1;
    }

    /// Makes a set of its own of the marked, or the unmarked, elements of each touched set: of the fewer.
    fn split(&mut self) {
        while let Some(set) = self.touched.pop() {
            let set = set as usize;
            let Range { start, end } = self.ranges[set];
            let middle = start + std::mem::take(&mut self.marked[set]);
            if middle == end {
                continue;
            }
            let (kept, split) = if middle - start <= end - middle {
                (middle..end, start..middle)
            } else {
                (start..middle, middle..end)
            };
            let number = self.ranges.len() as u32;
            for location in split.clone() {
                self.sets[self.elements[location as usize] as usize] = number;
            }
            self.ranges[set] = kept;
            self.ranges.push(split);
            self.marked.push(0);
        }
    }
}

/// Returns the table; `None` if it has more states than can be numbered.
pub(super) fn minimize(raw: &Raw) -> Option<Table> {
    let states = equivalent_states(raw);
    let blocks = &states.sets;
    // Numbers in order of being met from the start: first the two that stay, then what accepts, then the rest.
    let block_of = |state: u32| blocks[state as usize] as usize;
    let mut met = vec![false; states.ranges.len()];
    let mut order: Vec<u32> = vec![DEAD, MATCHED];
    for state in [DEAD, MATCHED] {
        met[block_of(state)] = true;
    }
    let mut meet = |state: u32, order: &mut Vec<u32>| {
        if !std::mem::replace(&mut met[block_of(state)], true) {
            order.push(state);
        }
    };
    meet(raw.start, &mut order);
    let mut at = 2;
    while at < order.len() {
        for next in row(raw, order[at]) {
            meet(*next, &mut order);
        }
        at += 1;
    }
    order[2..].sort_by_key(|state| !raw.accepts[*state as usize]);
    let mut numbers = vec![0_u32; states.ranges.len()];
    for (number, state) in order.iter().enumerate() {
        numbers[block_of(*state)] = number as u32;
    }
    let accepting = order[2..]
        .iter()
        .filter(|state| raw.accepts[**state as usize])
        .count();
    let number_of = |state: u32| numbers[block_of(state)];
    let rows: Vec<Vec<u32>> = order
        .iter()
        .map(|state| {
            row(raw, *state)
                .iter()
                .map(|next| number_of(*next))
                .collect()
        })
        .collect();
    let mut table = Table {
        classes: raw.classes,
        classes_len: raw.classes_len,
        next: Vec::new(),
        start: number_of(raw.start),
        accepting_end: 2 + accepting as u32,
    };
    join_classes(&mut table, &rows);
    (order.len() <= STATES_MAX).then_some(table)
}

fn row(raw: &Raw, state: u32) -> &[u32] {
    let start = state as usize * raw.classes_len;
    &raw.next[start..start + raw.classes_len]
}

fn equivalent_states(raw: &Raw) -> Partition {
    let (states_len, classes_len) = (raw.accepts.len(), raw.classes_len);
    let mut states = Partition::by_key(states_len, 2, |state| {
        usize::from(raw.accepts[state as usize])
    });
    // A transition is a cell of the table; it splits the states that it comes from.
    let mut transitions = Partition::by_key(raw.next.len(), classes_len, |transition| {
        transition as usize % classes_len
    });
    let into = Partition::by_key(raw.next.len(), states_len, |transition| {
        raw.next[transition as usize] as usize
    });
    let mut into_state = vec![0..0; states_len];
    for range in &into.ranges {
        let transition = into.elements[range.start as usize];
        into_state[raw.next[transition as usize] as usize] = range.clone();
    }
    // The states of one set have been told apart by whether they accept; the first needs no second look.
    let (mut set, mut splitter) = (1, 0);
    while splitter < transitions.ranges.len() {
        for location in transitions.ranges[splitter].clone() {
            let transition = transitions.elements[location as usize];
            states.mark(transition / classes_len as u32);
        }
        states.split();
        splitter += 1;
        while set < states.ranges.len() {
            for location in states.ranges[set].clone() {
                let state = states.elements[location as usize];
                for at in into_state[state as usize].clone() {
                    transitions.mark(into.elements[at as usize]);
                }
            }
            transitions.split();
            set += 1;
        }
    }
    states
}

/// Fills the table with the rows, of each class of bytes that leads elsewhere.
fn join_classes(table: &mut Table, rows: &[Vec<u32>]) {
    let mut columns: HashMap<Vec<u32>, usize> = HashMap::new();
    let mut kept: Vec<usize> = Vec::new();
    let joined: Vec<u8> = (0..table.classes_len)
        .map(|class| {
            let column = rows.iter().map(|row| row[class]).collect();
            *columns.entry(column).or_insert_with(|| {
                kept.push(class);
                kept.len() - 1
            }) as u8
        })
        .collect();
    for class in &mut table.classes {
        *class = joined[*class as usize];
    }
    table.classes_len = kept.len();
    table.next = rows
        .iter()
        .flat_map(|row| kept.iter().map(|class| row[*class]))
        .collect();
}
