//! "Did you mean": the nearest word of a list.

/// Returns the candidate nearest to `word`, if two edits or fewer lead to it (one for short words).
pub(crate) fn suggest<'c>(word: &str, candidates: &[&'c str]) -> Option<&'c str> {
    if word.len() > 64 {
        return None;
    }
    let near = if word.len() < 4 { 1 } else { 2 };
    candidates
        .iter()
        .map(|candidate| (distance(&word.to_ascii_lowercase(), candidate), *candidate))
        .filter(|(distance, _)| *distance <= near)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The number of characters to insert, delete, replace or swap with their neighbour.
pub(crate) fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX - 1);
            let mut best = (at(&last, j) + usize::from(a != b))
                .min(at(&last, j + 1) + 1)
                .min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && from.get(i - 1) == Some(b) && to.get(j - 1) == Some(a);
            if swapped {
                best = best.min(at(&before_last, j - 1) + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::suggest;

    #[test]
    fn two_edits_are_near_and_three_are_not() {
        let names = ["duration", "status", "start"];
        for (word, expected) in [
            ("durration", Some("duration")),
            ("statsu", Some("status")),
            ("Duration", Some("duration")),
            ("foo", None),
            ("drtion", Some("duration")),
            ("dton", None),
        ] {
            assert_eq!(suggest(word, &names), expected, "{word}");
        }
    }
}
