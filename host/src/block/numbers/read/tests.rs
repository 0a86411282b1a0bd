//! What is written is read, whole and at some rows; other bytes are a column or nothing.

use proptest::prelude::*;

use super::{
    super::{Reading, put_numbers},
    *,
};

fn columns() -> impl Strategy<Value = Vec<u64>> {
    let few = prop::collection::vec(any::<u64>(), 1..5);
    prop_oneof![
        prop::collection::vec(any::<u64>(), 0..50),
        prop::collection::vec(0..40_u64, 0..2_500),
        prop::collection::vec(1_000_000..1_000_300_u64, 0..2_500),
        prop::collection::vec((1 << 40)..(1_u64 << 41), 0..2_500),
        (
            few,
            prop::collection::vec(any::<prop::sample::Index>(), 0..1_500)
        )
            .prop_map(|(few, picks)| picks.iter().map(|pick| *pick.get(&few)).collect()),
        (any::<u64>(), 0..3_000_usize).prop_map(|(value, n)| vec![value; n]),
        (1..300_u64, 0..3_000_u64).prop_map(|(run, n)| (0..n).map(|i| i / run).collect()),
    ]
}

fn reading() -> impl Strategy<Value = Reading> {
    prop::sample::select(vec![Reading::Hot, Reading::Warm, Reading::Cold])
}

proptest! {
    #[test]
    fn columns_come_back(numbers in columns(), reading in reading()) {
        let mut bytes = Vec::new();
        put_numbers(&mut bytes, &numbers, reading);
        bytes.push(77);
        let mut rest = bytes.as_slice();
        prop_assert_eq!(take_numbers::<u64>(&mut rest, numbers.len()), Some(numbers));
        prop_assert_eq!(rest, &[77]);
    }

    #[test]
    fn some_rows_are_those_of_the_whole(
        numbers in columns(),
        reading in reading(),
        rows in prop::collection::btree_set(0..3_000_u32, 0..20),
    ) {
        let mut bytes = Vec::new();
        put_numbers(&mut bytes, &numbers, reading);
        let column = Numbers::take(&mut bytes.as_slice(), numbers.len()).unwrap();
        for start in (0..numbers.len()).step_by(FRAME_NUMBERS) {
            let end = (start + 1 + rows.len() * 50).min(start + FRAME_NUMBERS);
            let end = end.min(numbers.len());
            prop_assert_eq!(column.range::<u64>(start, end).unwrap(), numbers[start..end].to_vec());
        }
        let rows: Vec<u32> = rows.into_iter().collect();
        let expected: Option<Vec<u64>> =
            rows.iter().map(|row| numbers.get(*row as usize).copied()).collect();
        prop_assert_eq!(column.at::<u64>(&rows), expected);
        for bound in [41, 1_000_300, 1 << 41] {
            let below = numbers.iter().all(|number| *number < bound);
            prop_assert!(below || !column.is_below(bound));
        }
        if let Some(constant) = column.constant() {
            prop_assert!(numbers.iter().all(|number| *number == constant));
        }
    }

    #[test]
    fn any_bytes_are_a_column_or_nothing(
        form in 0..6_u8,
        tail: Vec<u8>,
        count in 0..5_000_usize,
        rows in prop::collection::btree_set(0..5_000_u32, 0..9),
    ) {
        let bytes = [vec![form], tail].concat();
        if let Some(column) = Numbers::take(&mut bytes.as_slice(), count) {
            if let Some(all) = column.all::<u32>() {
                prop_assert_eq!(all.len(), count);
            }
            drop(column.range::<u32>(0, count.min(FRAME_NUMBERS)));
            let rows: Vec<u32> = rows.into_iter().collect();
            if let Some(some) = column.at::<u32>(&rows) {
                prop_assert_eq!(some.len(), rows.len());
            }
        }
    }
}

#[test]
fn a_claim_of_too_many_rows_is_refused_before_memory_is_taken() {
    assert_eq!(
        take_numbers::<u8>(&mut [CONSTANT, 0].as_slice(), ROWS_MAX + 1),
        None
    );
}
