//! What the fields of messages hold, in all the spellings that JSON has for it.

use std::{borrow::Cow, fmt, marker::PhantomData};

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// Reads a value and checks it. What the check says is said of the field: it is asked while the field is read.
fn checked<'de, A, V, T>(
    map: &mut A,
    check: impl FnOnce(V) -> Result<T, String>,
) -> Result<T, A::Error>
where
    A: MapAccess<'de>,
    V: Deserialize<'de>,
{
    map.next_value_seed(Checked {
        check,
        of: PhantomData,
    })
}

struct Checked<F, V> {
    check: F,
    of: PhantomData<V>,
}

impl<'de, V, T, F> DeserializeSeed<'de> for Checked<F, V>
where
    V: Deserialize<'de>,
    F: FnOnce(V) -> Result<T, String>,
{
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<T, D::Error> {
        (self.check)(V::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// Reads an integer, a number or its text.
pub(super) fn integer<'de, A, T>(map: &mut A) -> Result<Option<T>, A::Error>
where
    A: MapAccess<'de>,
    T: TryFrom<i128>,
{
    checked(map, |read: Option<Integer>| {
        let Some(Integer(value)) = read else {
            return Ok(None);
        };
        let fitting = T::try_from(value).map(Some);
        fitting.map_err(|_| format!("{value} is out of range"))
    })
}

/// Reads an enumeration's number or name.
pub(super) fn enumeration<'de, A: MapAccess<'de>>(
    map: &mut A,
    number_of: impl FnOnce(&str) -> Option<i32>,
) -> Result<i32, A::Error> {
    checked(map, |read: Name<'de>| match read {
        Name::Absent => Ok(0),
        Name::Number(number) => Ok(number),
        Name::Text(name) => {
            let number = number_of(&name).or_else(|| name.parse().ok());
            number.ok_or_else(|| format!("`{name}` is no name here"))
        }
    })
}

/// Reads a double. As text first, since it must be the nearest double: verdicts depend on it.
pub(super) fn double<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<f64>, A::Error> {
    checked(map, |raw: &RawValue| {
        let text = raw.get();
        let bare = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
            .unwrap_or(text);
        let value = match bare {
            "null" if bare.len() == text.len() => return Ok(None),
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            // Rust reads `inf` and the like, too.
            _ if bare.bytes().any(|b| b.is_ascii_digit()) => bare.parse().ok(),
            _ => None,
        };
        let known = value.map(Some);
        known.ok_or_else(|| format!("{text} is not a double"))
    })
}

/// Reads an id. One that is not hexadecimal becomes a single byte, which no id is.
pub(super) fn id<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Vec<u8>, A::Error> {
    let text: Option<Text<'de>> = map.next_value()?;
    let text = text.map_or(Cow::Borrowed(""), |Text(text)| text);
    let digit = |b: u8| char::from(b).to_digit(16);
    let bytes: Option<Vec<u8>> = text
        .as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some((digit(*high)? << 4 | digit(*low)?) as u8),
            _ => None,
        })
        .collect();
    Ok(bytes.unwrap_or_else(|| vec![0]))
}

/// Reads base64 of either alphabet, padded or not.
pub(super) fn bytes<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<Vec<u8>>, A::Error> {
    const ANY_PADDING: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    checked(map, |text: Option<String>| {
        let Some(text) = text else {
            return Ok(None);
        };
        let bytes = ANY_PADDING.decode(text.replace('-', "+").replace('_', "/"));
        bytes.map(Some).map_err(|error| error.to_string())
    })
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

struct Integer(i128);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(IntegerVisitor)
    }
}

struct IntegerVisitor;

impl Visitor<'_> for IntegerVisitor {
    type Value = Integer;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer, as a number or in a string")
    }

    fn visit_u64<E>(self, value: u64) -> Result<Integer, E> {
        Ok(Integer(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Integer, E> {
        Ok(Integer(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Integer, E> {
        if value.fract() == 0.0 && value.abs() < 1e20 {
            Ok(Integer(value as i128))
        } else {
            Err(E::custom(format!("{value} is not an integer")))
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Integer, E> {
        if let Ok(value) = text.parse() {
            return Ok(Integer(value));
        }
        match text.parse() {
            Ok(value) => self.visit_f64(value),
            Err(_) => Err(E::custom(format!("`{text}` is not an integer"))),
        }
    }
}

enum Name<'a> {
    Absent,
    Number(i32),
    Text(Cow<'a, str>),
}

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(NameVisitor)
    }
}

struct NameVisitor;

impl<'de> Visitor<'de> for NameVisitor {
    type Value = Name<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name or number")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Name<'de>, E> {
        let number = i32::try_from(value);
        number
            .map(Name::Number)
            .map_err(|_| E::custom(format!("{value} is out of range")))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Name<'de>, E> {
        let number = i32::try_from(value);
        number
            .map(Name::Number)
            .map_err(|_| E::custom(format!("{value} is out of range")))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Name<'de>, E> {
        Ok(Name::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Name<'de>, E> {
        Ok(Name::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E>(self) -> Result<Name<'de>, E> {
        Ok(Name::Absent)
    }
}
