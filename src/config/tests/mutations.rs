//! Whatever is done to a config, reading it ends well: with a config, or with problems that lie in the file.

use proptest::prelude::*;

use super::read_alone;
use crate::config::reference;

#[derive(Debug, Clone)]
enum Change {
    Drop(usize),
    Repeat(usize),
    Swap(usize, usize),
    Cut(usize, usize),
    Insert(usize, usize, String),
    Value(usize, &'static str),
    Uncomment(usize),
}

const VALUES: [&str; 12] = [
    "0",
    "-1",
    "1e99",
    "\"\"",
    "\"${env:X}\"",
    "[]",
    "{}",
    "true",
    "1979-05-27",
    "[[1]]",
    "{ file = \"x\" }",
    "\"ü…\"",
];

fn change() -> impl Strategy<Value = Change> {
    let line = 0..400_usize;
    prop_oneof![
        line.clone().prop_map(Change::Drop),
        line.clone().prop_map(Change::Repeat),
        (line.clone(), 0..400_usize).prop_map(|(a, b)| Change::Swap(a, b)),
        (line.clone(), 0..80_usize).prop_map(|(a, b)| Change::Cut(a, b)),
        (line.clone(), 0..80_usize, "[\\PC\"'\\[\\]{}=#]{1,6}").prop_map(|(a, b, text)| Change::Insert(a, b, text)),
        (line.clone(), prop::sample::select(&VALUES[..])).prop_map(|(a, value)| Change::Value(a, value)),
        line.prop_map(Change::Uncomment),
    ]
}

fn apply(lines: &mut Vec<String>, change: &Change) {
    let count = lines.len();
    let at = |line: &usize| line % count;
    let column = |line: &str, column: usize| line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
    match change {
        Change::Drop(line) => drop(lines.remove(at(line))),
        Change::Repeat(line) => lines.insert(at(line), lines[at(line)].clone()),
        Change::Swap(a, b) => lines.swap(at(a), at(b)),
        Change::Cut(line, by) => {
            let line = &mut lines[at(line)];
            line.truncate(column(line, *by));
        }
        Change::Insert(line, by, text) => {
            let line = &mut lines[at(line)];
            line.insert_str(column(line, *by), text);
        }
        Change::Value(line, value) => {
            let line = &mut lines[at(line)];
            if let Some((key, _)) = line.split_once(" = ") {
                *line = format!("{key} = {value}");
            }
        }
        Change::Uncomment(line) => {
            let line = &mut lines[at(line)];
            *line = line.trim_start_matches("# ").to_owned();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_reference_is_read_or_its_problems_lie_in_the_file(changes in prop::collection::vec(change(), 1..8)) {
        let mut lines: Vec<String> = reference().lines().map(str::to_owned).collect();
        changes.iter().for_each(|change| apply(&mut lines, change));
        let text = lines.join("\n");
        let Err(invalid) = read_alone(&text) else { return Ok(()) };
        prop_assert!(!invalid.problems.is_empty());
        for problem in &invalid.problems {
            let (line, column) = (problem.line.unwrap(), problem.column.unwrap());
            let written = text.split('\n').nth(line - 1);
            prop_assert!(written.is_some(), "line {line}: {problem}");
            prop_assert!(column <= written.unwrap().chars().count() + 1, "column {column}: {problem}");
            prop_assert!(problem.message != "the config was not understood", "{text}");
            prop_assert!(problem.hint.is_some(), "no next action: {problem}");
            problem.render(&invalid.text, false);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = read_alone(&text);
    }
}

#[test]
fn a_file_full_of_mistakes_is_refused_with_a_bounded_list() {
    let unknown: String = (0..20_000).map(|number| format!("unknown_{number} = 1\n")).collect();
    let garbage = "= = =\n".repeat(20_000);
    for text in [unknown, garbage] {
        let invalid = read_alone(&text).unwrap_err();
        assert!((1..=crate::config::MAX_PROBLEMS).contains(&invalid.problems.len()), "{}", invalid.problems.len());
    }
}

#[test]
fn depth_is_bounded() {
    for text in [
        format!("a = {}", "[".repeat(100_000)),
        format!("a = {}", "{ a = ".repeat(100_000)),
        format!("{}b = 1", "a.".repeat(20_000)),
        format!("[{}b]", "a.".repeat(20_000)),
    ] {
        assert!(!read_alone(&text).unwrap_err().problems.is_empty());
    }
}
