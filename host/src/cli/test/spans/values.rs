//! What a span of a test file is made of.

use super::{
    AnyValue, ArrayValue, DeTable, DeValue, DurationArg, Event, InstrumentationScope, KeyValue,
    Link, Mistake, Reader, SpanId, SpanKind, StatusCode, TRACE_ID, TraceId, UnixNanos, Value,
    any_value, attribute, closest,
};

const EVENT_KEYS: [&str; 3] = ["name", "at", "attributes"];
const LINK_KEYS: [&str; 3] = ["trace_id", "span_id", "attributes"];
const SCOPE_KEYS: [&str; 3] = ["name", "version", "attributes"];

const KINDS: [(&str, SpanKind); 6] = [
    ("unspecified", SpanKind::Unspecified),
    ("internal", SpanKind::Internal),
    ("server", SpanKind::Server),
    ("client", SpanKind::Client),
    ("producer", SpanKind::Producer),
    ("consumer", SpanKind::Consumer),
];

const STATUSES: [(&str, StatusCode); 3] = [
    ("unset", StatusCode::Unset),
    ("ok", StatusCode::Ok),
    ("error", StatusCode::Error),
];

impl<'a> Reader<'a> {
    /// Reads a duration in nanoseconds; 0 where there is none, `None` where it is wrong.
    pub(super) fn duration(&mut self, value: Option<&Value<'a>>, what: &str) -> Option<u64> {
        let Some(value) = value else {
            return Some(0);
        };
        let text = value.get_ref().as_str().unwrap_or_default();
        if let Ok(DurationArg(duration)) = text.parse() {
            return u64::try_from(duration.as_nanos()).ok();
        }
        let message = format!("`{what}` is a duration with its unit: ns, us, ms, s, m, h or d");
        let mut mistake = Mistake::new(value.span(), message);
        let number = match value.get_ref() {
            DeValue::Integer(number) => number.as_str(),
            DeValue::String(_) if text.bytes().all(|b| b.is_ascii_digit()) => text,
            DeValue::String(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => "",
        };
        if !number.is_empty() {
            mistake = mistake.mend(value.span(), format!("\"{number}ms\""));
        }
        self.mistakes.push(mistake);
        None
    }

    pub(super) fn truth(&mut self, value: Option<&Value<'a>>) -> Option<bool> {
        match value {
            None => Some(false),
            Some(value) => value.get_ref().as_bool().or_else(|| {
                self.mistakes.push(
                    Mistake::new(value.span(), "this is true or false").mend(value.span(), "true"),
                );
                None
            }),
        }
    }

    pub(super) fn count(&mut self, value: Option<&Value<'a>>) -> Option<u32> {
        let Some(value) = value else {
            return Some(0);
        };
        let count = value
            .get_ref()
            .as_integer()
            .and_then(|n| n.as_str().parse().ok());
        if count.is_none() {
            self.mistakes
                .push(Mistake::new(value.span(), "this is a whole number").mend(value.span(), "1"));
        }
        count
    }

    pub(super) fn kind(&mut self, value: Option<&Value<'a>>) -> Option<SpanKind> {
        match value {
            None => Some(SpanKind::Internal),
            Some(value) => self.one_of(value, "kind", &KINDS),
        }
    }

    pub(super) fn status(&mut self, value: Option<&Value<'a>>) -> Option<StatusCode> {
        match value {
            None => Some(StatusCode::Unset),
            Some(value) => self.one_of(value, "status", &STATUSES),
        }
    }

    fn one_of<T: Copy>(&mut self, value: &Value<'a>, what: &str, known: &[(&str, T)]) -> Option<T> {
        let word = self.word(value, what)?;
        if let Some((_, known)) = known.iter().find(|(name, _)| *name == word.text) {
            return Some(*known);
        }
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        let message = format!(
            "`{}` is not a {what}: they are {}",
            word.text,
            names.join(", ")
        );
        let mut mistake = Mistake::new(word.range.clone(), message);
        if let Some(meant) = closest(&word.text.to_lowercase(), names) {
            mistake = mistake.mend(word.range, format!("\"{meant}\""));
        }
        self.mistakes.push(mistake);
        None
    }

    /// Reads attributes. A table among them is nearly always a key with dots that was not quoted.
    pub(super) fn attributes(&mut self, value: &Value<'a>) -> Vec<KeyValue> {
        let Some(table) = value.get_ref().as_table() else {
            let message = "attributes are a table";
            let help = "write { \"user.id\" = \"u7\" }";
            self.mistakes
                .push(Mistake::new(value.span(), message).help(help));
            return Vec::new();
        };
        let mut attributes = Vec::with_capacity(table.len());
        for (key, value) in table {
            if value.get_ref().is_table() {
                self.unquoted(key.get_ref(), key.span(), value, "a key");
            } else if let Some(value) = self.any_value(value) {
                attributes.push(attribute(key.get_ref(), value));
            }
        }
        attributes
    }

    fn any_value(&mut self, value: &Value<'a>) -> Option<any_value::Value> {
        let range = value.span();
        let wrong = |message: &str| Mistake::new(range.clone(), message);
        let mistake = match value.get_ref() {
            DeValue::String(text) => return Some(any_value::Value::StringValue(text.to_string())),
            DeValue::Boolean(truth) => return Some(any_value::Value::BoolValue(*truth)),
            DeValue::Integer(number) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => return Some(any_value::Value::IntValue(number)),
                    Err(_) => {
                        wrong("an int has 64 bits").mend(range.clone(), format!("{number}.0"))
                    }
                }
            }
            DeValue::Float(number) => match number.as_str().parse() {
                Ok(number) => return Some(any_value::Value::DoubleValue(number)),
                Err(_) => wrong("this is not a number"),
            },
            DeValue::Datetime(at) => wrong("OpenTelemetry has no times among its values: quote it")
                .mend(range.clone(), format!("\"{at}\"")),
            DeValue::Array(values) => {
                let values: Option<Vec<AnyValue>> = values
                    .iter()
                    .map(|value| {
                        Some(AnyValue {
                            value: Some(self.any_value(value)?),
                        })
                    })
                    .collect();
                return Some(any_value::Value::ArrayValue(ArrayValue { values: values? }));
            }
            DeValue::Table(_) => wrong("a table is no value here"),
        };
        self.mistakes.push(mistake);
        None
    }

    /// Reads events; `at` counts from the zero of the case, and is the span's start where it is not said.
    pub(super) fn events(
        &mut self,
        value: Option<&Value<'a>>,
        start: UnixNanos,
        began: u64,
    ) -> Vec<Event> {
        let Some(value) = value else {
            return Vec::new();
        };
        let tables = self.tables(value, "events", "events = [{ name = \"…\" }]");
        let mut events = Vec::with_capacity(tables.len());
        for (table, range) in tables {
            self.keys(table, &EVENT_KEYS, "an event");
            let Some(name) = table.get("name") else {
                self.mistakes
                    .push(Mistake::new(range, "an event needs a name").help("add name = \"…\""));
                continue;
            };
            let name = self.word(name, "name");
            let at = self
                .duration(table.get("at"), "at")
                .map(|at| match table.get("at") {
                    Some(_) => start.0.saturating_add(at),
                    None => began,
                });
            let attributes = self.table_attributes(table);
            if let (Some(name), Some(at)) = (name, at) {
                events.push(Event {
                    time_unix_nano: at,
                    name: name.text,
                    attributes,
                    ..Event::default()
                });
            }
        }
        events
    }

    pub(super) fn links(&mut self, value: Option<&Value<'a>>) -> Vec<Link> {
        let Some(value) = value else {
            return Vec::new();
        };
        let tables = self.tables(
            value,
            "links",
            "links = [{ span_id = \"00000000000000aa\" }]",
        );
        let mut links = Vec::with_capacity(tables.len());
        for (table, _) in tables {
            self.keys(table, &LINK_KEYS, "a link");
            let trace_id = match table.get("trace_id") {
                None => Some(TRACE_ID),
                Some(value) => self.hex(value, 32, TraceId::from_hex),
            };
            let span_id = match table.get("span_id") {
                None => Some(SpanId([0xee; 8])),
                Some(value) => self.hex(value, 16, SpanId::from_hex),
            };
            let attributes = self.table_attributes(table);
            if let (Some(trace_id), Some(span_id)) = (trace_id, span_id) {
                links.push(Link {
                    trace_id: trace_id.0.to_vec(),
                    span_id: span_id.0.to_vec(),
                    attributes,
                    ..Link::default()
                });
            }
        }
        links
    }

    fn hex<T>(
        &mut self,
        value: &Value<'a>,
        digits: usize,
        parse: fn(&str) -> Option<T>,
    ) -> Option<T> {
        let word = self.word(value, "an id")?;
        let id = parse(&word.text);
        if id.is_none() {
            let message = format!("this id is {digits} hexadecimal digits, not all zero");
            let mended = format!("\"{}\"", "ab".repeat(digits / 2));
            self.mistakes
                .push(Mistake::new(word.range.clone(), message).mend(word.range, mended));
        }
        id
    }

    pub(super) fn scope(&mut self, value: Option<&Value<'a>>) -> InstrumentationScope {
        let Some(value) = value else {
            return InstrumentationScope::default();
        };
        let Some(table) = value.get_ref().as_table() else {
            let help = "write { name = \"…\", version = \"…\" }";
            self.mistakes
                .push(Mistake::new(value.span(), "a scope is a table").help(help));
            return InstrumentationScope::default();
        };
        self.keys(table, &SCOPE_KEYS, "a scope");
        let mut word = |key: &str| {
            let word = table.get(key).and_then(|value| self.word(value, key));
            word.map_or_else(String::new, |word| word.text)
        };
        InstrumentationScope {
            name: word("name"),
            version: word("version"),
            attributes: self.table_attributes(table),
            ..InstrumentationScope::default()
        }
    }

    fn table_attributes(&mut self, table: &DeTable<'a>) -> Vec<KeyValue> {
        table
            .get("attributes")
            .map_or_else(Vec::new, |value| self.attributes(value))
    }
}
