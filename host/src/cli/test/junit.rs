//! The results as `JUnit`'s XML, which continuous-integration servers read.

use std::{fs, path::Path};

use anyhow::Context;
use quick_junit::{NonSuccessKind, Report as JunitReport, TestCase, TestCaseStatus, TestSuite};

use super::{CaseReport, FileReport, Report};
use crate::cli::exit::Failure;

/// Writes the report: a suite for each file, with its cases; a file that could not be run is a case in error.
pub(super) fn write(report: &Report, path: &Path) -> Result<(), Failure> {
    let mut junit = JunitReport::new("betrace test");
    for file in &report.files {
        junit.add_test_suite(suite(file));
    }
    let text = junit
        .to_string()
        .context("failed to write the results as XML")
        .map_err(Failure::usage)?;
    fs::write(path, text)
        .with_context(|| format!("failed to write `{}`", path.display()))
        .map_err(Failure::usage)
}

fn suite(file: &FileReport) -> TestSuite {
    let mut suite = TestSuite::new(file.file.as_str());
    if !file.errors.is_empty() {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status
            .set_message("the cases of this file could not be run")
            .set_description(file.errors.join("\n\n"));
        suite.add_test_case(TestCase::new(file.file.as_str(), status));
    }
    for case in &file.cases {
        let mut test = TestCase::new(case.name.as_str(), status(case));
        test.set_classname(file.file.as_str());
        suite.add_test_case(test);
    }
    suite
}

fn status(case: &CaseReport) -> TestCaseStatus {
    let Some(first) = case.failures.first() else {
        return TestCaseStatus::success();
    };
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    let message = first.lines().next().unwrap_or_default();
    status
        .set_message(message)
        .set_description(case.explained().join("\n"));
    status
}
