//! How a message, or a list of them, is read from JSON.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::Budget;

/// A message that is read field by field.
pub(super) trait Fields: Default {
    /// What it is called where something else stands in its place.
    const NAME: &'static str;

    /// Counts one in a list.
    fn spend<E: Error>(budget: &Budget) -> Result<(), E> {
        budget.spend_item()
    }

    /// Reads the value of a field into the message; `false` where it has no such field.
    fn field<'de, A: MapAccess<'de>>(
        &mut self,
        key: &str,
        next: &mut Next<'_, A>,
    ) -> Result<bool, A::Error>;
}

/// The value that comes next in an object.
pub(super) struct Next<'a, A> {
    pub(super) map: &'a mut A,
    budget: &'a Budget,
}

impl<'de, A: MapAccess<'de>> Next<'_, A> {
    pub(super) fn object<T: Fields>(&mut self) -> Result<Option<T>, A::Error> {
        self.map.next_value_seed(Object::new(self.budget))
    }

    pub(super) fn list<T: Fields>(&mut self) -> Result<Vec<T>, A::Error> {
        self.map.next_value_seed(List {
            budget: self.budget,
            of: PhantomData,
        })
    }

    pub(super) fn string(&mut self) -> Result<Option<String>, A::Error> {
        self.map.next_value()
    }
}

/// Reads one message; `None` where `null` stands.
pub(super) struct Object<'a, T> {
    budget: &'a Budget,
    of: PhantomData<T>,
}

impl<'a, T> Object<'a, T> {
    pub(super) fn new(budget: &'a Budget) -> Self {
        Self {
            budget,
            of: PhantomData,
        }
    }
}

impl<'de, T: Fields> DeserializeSeed<'de> for Object<'_, T> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Option<T>, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, T: Fields> Visitor<'de> for Object<'_, T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object, {}", T::NAME)
    }

    fn visit_unit<E>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<T>, A::Error> {
        let mut message = T::default();
        while let Some(Key(key)) = map.next_key()? {
            let mut next = Next {
                map: &mut map,
                budget: self.budget,
            };
            if !message.field(&key, &mut next)? {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Some(message))
    }
}

/// Reads a list of messages; `null` is the empty one.
struct List<'a, T> {
    budget: &'a Budget,
    of: PhantomData<T>,
}

impl<'de, T: Fields> DeserializeSeed<'de> for List<'_, T> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Vec<T>, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, T: Fields> Visitor<'de> for List<'_, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array of {}", T::NAME)
    }

    fn visit_unit<E>(self) -> Result<Vec<T>, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(message) = seq.next_element_seed(Object::new(self.budget))? {
            T::spend(self.budget)?;
            list.push(message.unwrap_or_default());
        }
        Ok(list)
    }
}

/// A key, borrowed unless it holds escapes.
#[derive(Deserialize)]
#[serde(transparent)]
pub(super) struct Key<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);
