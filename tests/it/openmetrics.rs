//! *Scenario*: the parser cases of the OpenMetrics project, 211 pages of which 44 are valid, are read by both readers.
//!
//! *Guarantees*: the strict reader accepts every valid page and refuses every invalid one. The lenient reader accepts every
//! valid page too, and never ends before the page does.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test ends where its data is broken, and says aloud where it is absent"
)]

use std::fs;
use std::path::Path;

use calm_agent::prometheus::{Format, Limits, Page, ParseError, Parser, Strict};

/// Cases where the strict reader deviates, each with its reason.
const DEVIATIONS: &[(&str, &str)] = &[];
const VALID: usize = 44;
const INVALID: usize = 167;

struct Case {
    name: String,
    page: Vec<u8>,
    is_valid: bool,
}

/// All cases; `None`, said aloud, where the data is not there.
fn cases() -> Option<Vec<Case>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/openmetrics-parsers/cases");
    let Ok(entries) = fs::read_dir(&folder) else {
        eprintln!("SKIPPED: the OpenMetrics parser cases are not at {}", folder.display());
        return None;
    };
    let mut cases: Vec<Case> = entries.map(|entry| case(&entry.unwrap().path())).collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    Some(cases)
}

fn case(folder: &Path) -> Case {
    let description: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("test.json")).unwrap()).unwrap();
    let page = fs::read(folder.join(description["file"].as_str().unwrap())).unwrap();
    let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
    Case { name, page, is_valid: description["shouldParse"].as_bool().unwrap() }
}

fn strict_errors(page: &[u8]) -> Vec<ParseError> {
    Strict::new(page, Format::OpenMetrics).filter_map(Result::err).collect()
}

#[test]
fn the_strict_reader_judges_every_case_rightly() {
    let Some(cases) = cases() else { return };
    let mut wrong = Vec::new();
    for case in &cases {
        let errors = strict_errors(&case.page);
        let deviates = DEVIATIONS.iter().any(|(name, _)| *name == case.name);
        if errors.is_empty() != (case.is_valid != deviates) {
            wrong.push(format!("{}: {errors:?}", case.name));
        }
    }
    assert_eq!(cases.iter().filter(|case| case.is_valid).count(), VALID);
    assert_eq!(cases.iter().filter(|case| !case.is_valid).count(), INVALID);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_lenient_reader_accepts_every_valid_case() {
    let Some(cases) = cases() else { return };
    for case in cases.iter().filter(|case| case.is_valid) {
        let errors: Vec<_> = Parser::new(&case.page, Format::OpenMetrics).filter_map(Result::err).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", case.name);
        let page = Page::read(&case.page, Format::OpenMetrics, Limits::default());
        assert_eq!(page.error_count(), 0, "{}", case.name);
    }
}

#[test]
fn each_error_is_at_a_place_of_its_page() {
    let Some(cases) = cases() else { return };
    for case in cases.iter().filter(|case| !case.is_valid) {
        let lines = case.page.split(|byte| *byte == b'\n').count();
        for error in strict_errors(&case.page) {
            assert!((1..=lines + 1).contains(&error.line) && error.column >= 1, "{}: {error}", case.name);
        }
    }
}

#[test]
fn what_the_lenient_reader_refuses_the_strict_one_refuses() {
    let Some(cases) = cases() else { return };
    for case in &cases {
        for format in [Format::OpenMetrics, Format::Text] {
            let lenient = Parser::new(&case.page, format).filter_map(Result::err);
            let strict: Vec<_> = Strict::new(&case.page, format).filter_map(Result::err).collect();
            for error in lenient {
                assert!(strict.contains(&error), "{}: {error} is missing in {strict:?}", case.name);
            }
        }
    }
}
