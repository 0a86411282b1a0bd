//! `betrace inspect`.

use std::{io, path::PathBuf};

use anyhow::Context;
use serde::Serialize;

use super::{
    console::Console,
    exit::{Exit, Failure, Outcome},
    packs,
    source::DenyArgs,
    table::one_line,
    target::{Format, one_shot_sandbox},
};
use crate::{
    sandbox::{self, MessagePart, PackPre, RuleDescription},
    signature::{KeyId, Signatures, signatures},
};

mod want;

/// Say what a component holds: its rules, what they read, who made and who signed it, and whether this host would load it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  betrace inspect hipaa.wasm
  betrace inspect hipaa.wasm -o json")]
pub struct Args {
    /// The component (.wasm), or a rule file (.btr) to compile first; `-` for standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

/// What a component holds, as JSON says it.
#[derive(Debug, Serialize)]
struct Pack {
    digest: String,
    size_bytes: usize,
    /// The version of the IANA timezone database that the rules were compiled with, if one of them has a timezone.
    #[serde(skip_serializing_if = "Option::is_none")]
    timezones: Option<String>,
    /// The tools that made it, as they say themselves.
    producers: Vec<String>,
    /// None where it is not signed.
    signatures: Option<Signed>,
    rules: Vec<Rule>,
}

/// Its signatures, which nobody has checked: that takes a key.
#[derive(Debug, Serialize)]
struct Signed {
    /// The ids of the keys; null of one that is not named.
    keys: Vec<Option<String>>,
    /// Whether they are of the bytes that are there.
    fit: bool,
}

#[derive(Debug, Serialize)]
struct Rule {
    id: String,
    signal: String,
    severity: &'static str,
    summary: String,
    message: String,
    controls: Vec<String>,
    labels: Vec<(String, String)>,
    names: Vec<String>,
    all_spans: bool,
    any_of: Vec<Vec<String>>,
    otherwise: &'static str,
    reads: Vec<String>,
    literals: Vec<String>,
    facts: bool,
}

/// Inspects the file: loads it as a server would, with every check, and throws it away.
pub fn run(args: &Args, console: &mut Console) -> Outcome {
    let bytes = packs::read_file(&args.file)?;
    let name = packs::name(&args.file);
    let component = if packs::is_component(&args.file, &bytes) {
        bytes
    } else {
        match super::source::compile(&name, &bytes, DenyArgs::default(), console) {
            Some(component) => component,
            None => return Ok(Exit::Wrong),
        }
    };
    let sandbox = one_shot_sandbox()?;
    let pack = sandbox
        .load(&component)
        .with_context(|| format!("`{name}` would not be loaded"))
        .map_err(Failure::wrong)?;
    let pack = describe(&pack, &component, &name)?;
    match args.output {
        Format::Human => print(&pack, console)?,
        Format::Json => console.json(&pack)?,
        Format::Ndjson => pack
            .rules
            .iter()
            .try_for_each(|rule| console.json_line(rule))?,
    }
    Ok(Exit::Fine)
}

fn describe(pack: &PackPre, component: &[u8], name: &str) -> Result<Pack, Failure> {
    let signatures = signatures(component)
        .with_context(|| format!("failed to read the signatures of `{name}`"))
        .map_err(Failure::wrong)?;
    let named = |key: &Option<KeyId>| key.map(|key| key.to_string());
    Ok(Pack {
        digest: pack.digest().to_string(),
        size_bytes: component.len(),
        timezones: sandbox::tz_version(component),
        producers: sandbox::producers(component),
        signatures: signatures.map(|Signatures { keys, fit }| Signed {
            keys: keys.iter().map(named).collect(),
            fit,
        }),
        rules: pack.rules().iter().map(rule).collect(),
    })
}

fn rule(rule: &RuleDescription) -> Rule {
    Rule {
        id: rule.id.to_string(),
        signal: rule.signal.clone(),
        severity: rule.severity.name(),
        summary: rule.summary.clone(),
        message: rule.message.iter().map(part).collect(),
        controls: rule.controls.clone(),
        labels: rule.labels.clone(),
        names: rule.names.clone(),
        all_spans: rule.all_spans,
        any_of: rule.any_of.clone(),
        otherwise: rule.otherwise.name(),
        reads: rule.reads.iter().map(want::words).collect(),
        literals: rule.literals.clone(),
        facts: rule.facts,
    }
}

fn part(part: &MessagePart) -> String {
    match part {
        MessagePart::Text(text) => text.clone(),
        MessagePart::Value { name, key } if name.is_empty() => format!("{{{key}}}"),
        MessagePart::Value { name, key } => format!("{{{name}.{key}}}"),
    }
}

fn signed(signatures: &Signed) -> String {
    let keys = signatures.keys.iter().map(|key| match key {
        Some(key) => format!("the key {key}"),
        None => "a key that is not named".to_owned(),
    });
    let keys = keys.collect::<Vec<_>>().join(", ");
    if signatures.fit {
        format!("says it is signed by {keys}: `betrace verify` checks it with the key")
    } else {
        format!("was signed by {keys}, and altered since")
    }
}

fn print(pack: &Pack, console: &mut Console) -> io::Result<()> {
    let n_rules = pack.rules.len();
    console.line(format_args!(
        "{}  {} bytes  {n_rules} rules",
        pack.digest, pack.size_bytes
    ))?;
    if let Some(version) = &pack.timezones {
        console.line(format_args!("timezones of IANA {version}"))?;
    }
    if !pack.producers.is_empty() {
        console.line(format_args!("made by {}", pack.producers.join(", ")))?;
    }
    console.line(
        pack.signatures
            .as_ref()
            .map_or_else(|| "not signed".to_owned(), signed),
    )?;
    for rule in &pack.rules {
        let paint = console.paint();
        console.line(format_args!("\n{}", paint.bold(&rule.id)))?;
        let labels = rule
            .labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"));
        let groups = rule.any_of.iter().map(|group| group.join(" or "));
        let lines = [
            ("signal", format!("{} ({})", rule.signal, rule.severity)),
            ("summary", rule.summary.clone()),
            ("message", rule.message.clone()),
            ("controls", rule.controls.join(", ")),
            ("labels", labels.collect::<Vec<_>>().join(", ")),
            (
                "spans",
                if rule.all_spans {
                    "all".into()
                } else {
                    rule.names.join(", ")
                },
            ),
            ("needs", groups.collect::<Vec<_>>().join("; ")),
            ("reads", rule.reads.join("; ")),
            (
                "incomplete",
                if rule.facts {
                    "answers itself"
                } else {
                    "inconclusive"
                }
                .into(),
            ),
        ];
        for (name, value) in lines {
            if !value.is_empty() {
                console.line(format_args!("  {name:<10} {}", one_line(&value)))?;
            }
        }
    }
    Ok(())
}
