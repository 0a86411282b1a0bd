//! Runs the cases of a test file: the same compiler, sandbox, assembly, block and judge as everywhere.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use betrace_dsl::{Color, Compiled, Source, render};

use super::{
    TestText,
    compare::compare,
    file::{Case, Input, TestFile, Word},
    mistake::{Mistake, closest},
    spans::TestSpan,
    trace,
};
use crate::{
    assemble::{Arrival, AssembleOptions, Assembler},
    block::BlockBuilder,
    cli::{
        packs,
        source::{self, DenyArgs},
        spans::SpanView,
    },
    clock::UnixNanos,
    ingest::file::Reader,
    judge::{JudgeOptions, judge},
    rules::PublishedRule,
    sandbox::{LoadError, PackPre, Sandbox},
    tenant::TenantId,
    trace::{SealedTrace, SentSpan},
};

/// Why a case failed; nothing where it did not.
pub(super) type Failures = Vec<String>;

/// What came of a case.
#[derive(Debug, Default)]
pub(super) struct CaseResult {
    pub(super) failures: Failures,
    /// Of a case that failed: its trace.
    pub(super) trace: Vec<SpanView>,
}

/// A file's cases could not be run.
#[derive(Debug)]
pub(super) enum Broken {
    /// The file is wrong.
    Mistakes(Vec<Mistake>),
    /// Something that it names is.
    Said(String),
}

/// The rules of a case, and whether they all must be expected.
struct Rules {
    rules: Vec<PublishedRule>,
    /// Whether they were given for this case, inline: then none may be violated unsaid.
    inline: bool,
}

/// Runs the cases of one file.
pub(super) struct Runner<'a> {
    sandbox: &'a Sandbox,
    folder: PathBuf,
    /// What a source without a signal takes its id from.
    source_name: String,
    /// Rules that the file does not name.
    given: Option<Source<'a>>,
    deny: DenyArgs,
}

impl<'a> Runner<'a> {
    pub(super) fn new(sandbox: &'a Sandbox, test: &TestText<'a>, deny: DenyArgs) -> Self {
        let name = test.path.file_name().unwrap_or_default().to_string_lossy();
        let stem = name.strip_suffix(".test.toml").unwrap_or(&name);
        Self {
            sandbox,
            folder: test.path.parent().unwrap_or(Path::new("")).to_owned(),
            source_name: test
                .rules
                .map_or_else(|| format!("{stem}.btr"), |rules| rules.name.to_owned()),
            given: test.rules,
            deny,
        }
    }

    /// Returns what came of each case, in order.
    pub(super) fn run(&self, file: &TestFile) -> Result<Vec<CaseResult>, Broken> {
        let mut shared = Vec::new();
        if let Some(Source { name, text }) = self.given {
            let component = self.compile_text(name, text).map_err(Broken::Said)?;
            shared.extend(self.load(name, &component)?);
        }
        for path in &file.rules {
            shared.extend(self.rules_of_file(path)?);
        }
        let source = file.source.as_ref();
        // Only a case without a source of its own needs the file's.
        let needed = |case: &Case| case.source.is_none() && case.error.is_none();
        if let Some(source) = source.filter(|_| file.cases.iter().any(needed)) {
            shared.extend(self.compile(source)?);
        }
        let mut mistakes = Vec::new();
        let mut results = Vec::with_capacity(file.cases.len());
        for case in &file.cases {
            let own = case.source.as_ref().or(source);
            if let Some(error) = &case.error {
                results.push(CaseResult {
                    failures: self.must_not_compile(own, error),
                    trace: Vec::new(),
                });
                continue;
            }
            let rules = match &case.source {
                Some(source) => Rules {
                    rules: self.compile(source)?,
                    inline: true,
                },
                None => Rules {
                    rules: shared.clone(),
                    inline: file.rules.is_empty(),
                },
            };
            mistakes.extend(unknown_rules(case, &rules.rules));
            if mistakes.is_empty() {
                results.push(self.judge_case(case, &rules)?);
            }
        }
        if mistakes.is_empty() {
            Ok(results)
        } else {
            Err(Broken::Mistakes(mistakes))
        }
    }

    fn rules_of_file(&self, path: &Word) -> Result<Vec<PublishedRule>, Broken> {
        let file = self.folder.join(&path.text);
        let bytes = packs::read_file(&file).map_err(|_| {
            Broken::Mistakes(vec![
                Mistake::new(
                    path.range.clone(),
                    format!("`{}` cannot be read", file.display()),
                )
                .help("paths are relative to the test file"),
            ])
        })?;
        let name = packs::name(&file);
        let component = if packs::is_component(&file, &bytes) {
            bytes
        } else {
            self.compile_text(&name, &bytes).map_err(Broken::Said)?
        };
        self.load(&name, &component)
    }

    fn compile(&self, source: &Word) -> Result<Vec<PublishedRule>, Broken> {
        let component = self
            .compile_text(&self.source_name, source.text.as_bytes())
            .map_err(Broken::Said)?;
        self.load(&self.source_name, &component)
    }

    fn load(&self, name: &str, component: &[u8]) -> Result<Vec<PublishedRule>, Broken> {
        let load =
            |error: LoadError| Broken::Said(format!("`{name}` would not be loaded: {error}"));
        let pack: Arc<PackPre> = self.sandbox.load(component).map_err(load)?;
        Ok(PublishedRule::all_of(&pack))
    }

    fn must_not_compile(&self, source: Option<&Word>, error: &Word) -> Failures {
        let Some(source) = source else {
            return vec!["there is no source that could fail to compile".to_owned()];
        };
        match compiled(
            &self.source_name,
            source.text.as_bytes(),
            DenyArgs::default(),
        ) {
            Ok(_) => vec![format!(
                "expected a compile error with `{}`, and it compiles",
                error.text
            )],
            Err(said) if said.contains(&error.text) => Vec::new(),
            Err(said) => vec![format!(
                "expected a compile error with `{}`, got\n{said}",
                error.text
            )],
        }
    }

    fn compile_text(&self, name: &str, text: &[u8]) -> Result<Vec<u8>, String> {
        compiled(name, text, self.deny)
    }

    fn judge_case(&self, case: &Case, rules: &Rules) -> Result<CaseResult, Broken> {
        let sealed = match &case.input {
            Input::None => {
                return Ok(CaseResult {
                    failures: vec!["there are no spans".to_owned()],
                    trace: Vec::new(),
                });
            }
            Input::Spans(spans) => spelled(spans),
            Input::Otlp(path) => otlp(&self.folder, path)?,
        };
        let [trace] = <[SealedTrace; 1]>::try_from(sealed).map_err(|traces| {
            let message = format!(
                "the spans are of {} traces, and a case is about one",
                traces.len()
            );
            Broken::Mistakes(vec![Mistake::new(case.name.range.clone(), message)])
        })?;
        let mut builder = BlockBuilder::new(TenantId::default_tenant());
        builder.push(trace);
        let block = builder.finish().to_block();
        let failed = |error: &dyn std::fmt::Display| {
            Broken::Said(format!(
                "the case `{}` cannot be judged: {error}",
                case.name.text
            ))
        };
        let verdicts = judge(self.sandbox, &rules.rules, &block, &JudgeOptions::default())
            .map_err(|error| failed(&error))?;
        let mut failures = Vec::new();
        for (rule, judged) in rules.rules.iter().zip(&verdicts) {
            let compared = compare(case, rules.inline, rule, judged, &block);
            failures.extend(compared.map_err(|error| failed(&error))?);
        }
        let trace = if failures.is_empty() {
            Vec::new()
        } else {
            let sealed = block.spans(0).map_err(|error| failed(&error))?;
            trace::failed(case, &rules.rules, &verdicts, &sealed)
        };
        Ok(CaseResult { failures, trace })
    }
}

/// Seals the spans that a case spells out.
pub(super) fn spelled(spans: &[TestSpan]) -> Vec<SealedTrace> {
    let sent: Vec<_> = SentSpan::of_records(spans.iter().map(|span| &span.record)).collect();
    seal(&sent)
}

/// Reads the traces of a file of OTLP/JSON, which lies relative to a folder.
pub(super) fn otlp(folder: &Path, path: &Word) -> Result<Vec<SealedTrace>, Broken> {
    let wrong = |error: &dyn std::fmt::Display| {
        Broken::Mistakes(vec![Mistake::new(path.range.clone(), error.to_string())])
    };
    let mut records = Vec::new();
    for request in Reader::open(&folder.join(&path.text)).map_err(|error| wrong(&error))? {
        records.extend(request.map_err(|error| wrong(&error))?.decoded.records);
    }
    Ok(seal(&records))
}

/// Seals spans as assembly does: ordered, without repetitions, with what is missing worked out.
pub(in crate::cli) fn seal(spans: &[SentSpan]) -> Vec<SealedTrace> {
    let mut assembler = Assembler::new(AssembleOptions::default());
    let arrival = Arrival {
        frame: None,
        bytes: 0,
        now: Duration::ZERO,
        arrived: UnixNanos(0),
    };
    assembler.readmit(&TenantId::default_tenant(), spans, arrival, |_| 0);
    let sealed = assembler.flush();
    sealed
        .iter()
        .map(|sealed| sealed.trace.to_sealed())
        .collect()
}

fn compiled(name: &str, text: &[u8], deny: DenyArgs) -> Result<Vec<u8>, String> {
    let source = Source { name, text };
    let (compiled, diagnostics) = betrace_dsl::compile(&source);
    let said = || render(&diagnostics, &source, Color::Plain);
    match compiled {
        Some(_) if deny.refuses(&diagnostics) => Err(format!(
            "{}{}",
            said(),
            source::refused(name, diagnostics.len())
        )),
        Some(Compiled { component, .. }) => Ok(component),
        None => Err(said().trim_end().to_owned()),
    }
}

/// Notes ids in `expect` and `witnesses` that no rule has.
fn unknown_rules(case: &Case, rules: &[PublishedRule]) -> Vec<Mistake> {
    let known = || rules.iter().map(|rule| rule.id.as_str());
    let expected = case.expect.iter().map(|(rule, _)| rule);
    let witnessed = case.witnesses.iter().map(|(rule, _)| rule);
    let told = case.messages.iter().map(|(rule, _)| rule);
    let unknown = expected
        .chain(witnessed)
        .chain(told)
        .filter(|word| known().all(|id| id != word.text));
    unknown
        .map(|word| {
            let message = format!("there is no rule `{}` here", word.text);
            let mistake = Mistake::new(word.range.clone(), message);
            let only = rules.first().filter(|_| rules.len() == 1);
            match closest(&word.text, known()).or(only.map(|rule| rule.id.as_str())) {
                Some(meant) if meant.contains('.') => {
                    mistake.mend(word.range.clone(), format!("\"{meant}\""))
                }
                Some(meant) => mistake.mend(word.range.clone(), meant),
                None => mistake.help(format!(
                    "the rules are {}",
                    known().collect::<Vec<_>>().join(", ")
                )),
            }
        })
        .collect()
}
