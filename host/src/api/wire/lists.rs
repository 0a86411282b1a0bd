//! Lists of requests, whose length is bounded before it takes memory: an entry that is a few bytes of text takes many times
//! as much.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};

/// Reads a list of `MAX` entries at most.
pub(super) fn at_most<'de, D, T, const MAX: usize>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    from.deserialize_seq(AtMost::<T, MAX>(PhantomData))
}

struct AtMost<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for AtMost<T, MAX> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {MAX} entries at most")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Vec<T>, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = from.next_element()? {
            if entries.len() == MAX {
                return Err(A::Error::invalid_length(MAX + 1, &self));
            }
            entries.push(entry);
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use crate::api::{
        limits::PACKS_PER_REQUEST_MAX,
        wire::{ApplyRequest, ReplayRequest},
    };

    #[test]
    fn entries_per_request_obeyed_and_exceeded() {
        let list = |entry: &str, n| format!("[{}]", vec![entry; n].join(","));
        for n in [PACKS_PER_REQUEST_MAX, PACKS_PER_REQUEST_MAX + 1] {
            let is_bounded = n > PACKS_PER_REQUEST_MAX;
            let packs = format!("{{\"packs\":{}}}", list("{\"name\":\"\"}", n));
            let rules = format!("{{\"rules\":{}}}", list("\"\"", n));
            for refused in [
                serde_json::from_str::<ApplyRequest>(&packs).err(),
                serde_json::from_str::<ReplayRequest>(&packs).err(),
                serde_json::from_str::<ReplayRequest>(&rules).err(),
            ] {
                let says = refused.map(|error| error.to_string());
                let says = says.as_deref().unwrap_or_default();
                assert_eq!(says.contains("1024 entries at most"), is_bounded, "{says}");
            }
        }
    }
}
