//! The house rules that a compiler does not check.
//!
//! *Scenario*: somebody adds a file, an import, a self-metric.
//! *Guarantees*: imports go one way, siblings of layer 3 never see each other, files and functions stay small enough to hold in the head,
//! every file says what it owns, every self-metric is documented.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Module and layer, as the table in `lib.rs` has them.
const LAYERS: [(&str, u8); 17] = [
    ("clock", 0),
    ("error", 0),
    ("secret", 0),
    ("units", 0),
    ("shutdown", 0),
    ("metric", 0),
    ("telemetry", 1),
    ("http", 1),
    ("sap", 2),
    ("otlp", 2),
    ("prometheus", 2),
    ("sources", 3),
    ("condense", 3),
    ("deliver", 3),
    ("config", 4),
    ("agent", 4),
    ("cli", 5),
];
const MAX_FILE_LINES: usize = 500;
const MAX_FUNCTION_LINES: usize = 70;

struct Source {
    path: PathBuf,
    /// Its production part: everything before the first inline test module.
    lines: Vec<String>,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn is_test_file(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests")
        || path.file_stem().is_some_and(|stem| stem == "tests" || stem.to_string_lossy().ends_with("_tests"))
}

fn sources() -> Vec<Source> {
    let mut folders = vec![root().join("src")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test_file(&path) {
                let text = std::fs::read_to_string(&path).unwrap();
                let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
                let tests = lines.windows(2).position(|pair| {
                    pair[0].trim() == "#[cfg(test)]"
                        && pair[1].trim_start().starts_with("mod ")
                        && pair[1].ends_with('{')
                });
                lines.truncate(tests.unwrap_or(lines.len()));
                found.push(Source { path: path.strip_prefix(root()).unwrap().to_owned(), lines });
            }
        }
    }
    assert!(found.len() > 30, "the sources were not found");
    found
}

/// The top module of a file under `src`: `src/http/client.rs` → `http`.
fn module(path: &Path) -> String {
    let inside = path.strip_prefix("src").unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// Every module of ours that a line of code names through `crate::`.
fn named(line: &str) -> Vec<String> {
    let code = line.split("//").next().unwrap_or_default();
    let mut all = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            all.extend(
                list.split(&[',', '}'][..]).map(|part| part.trim().split("::").next().unwrap_or_default().to_owned()),
            );
        } else {
            all.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    all
}

#[test]
fn imports_go_one_way() {
    let layers: BTreeMap<&str, u8> = LAYERS.into_iter().chain([("admin", 5), ("sandbox", 5)]).collect();
    let mut broken = Vec::new();
    for source in sources() {
        let own = module(&source.path);
        let Some(&layer) = layers.get(own.as_str()) else { continue };
        for (index, line) in source.lines.iter().enumerate() {
            for other in named(line).into_iter().filter(|other| *other != own) {
                let Some(&below) = layers.get(other.as_str()) else { continue };
                let allowed = match own.as_str() {
                    "cli" => true,
                    "sandbox" => below == 0,
                    // Assembly: `agent` is built from `config`; siblings of the other layers stay apart on 3 alone.
                    _ if layer == 3 => below < 3,
                    _ => below < layer || (below == layer && layer < 5),
                };
                if !allowed {
                    broken.push(format!(
                        "{}:{}: {own} (layer {layer}) uses {other} (layer {below})",
                        source.path.display(),
                        index + 1
                    ));
                }
            }
        }
    }
    assert!(broken.is_empty(), "imports against the layers:\n{}", broken.join("\n"));
}

#[test]
fn sources_of_one_kind_never_see_another() {
    let kinds = ["host", "http_check", "otlp", "prometheus"];
    let mut broken = Vec::new();
    for source in sources() {
        let Ok(inside) = source.path.strip_prefix("src/sources") else { continue };
        let own = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
        for (index, line) in source.lines.iter().enumerate() {
            for other in kinds.iter().filter(|kind| **kind != own && own != "mod.rs") {
                if line.contains(&format!("sources::{other}")) || line.contains(&format!("use super::super::{other}")) {
                    broken.push(format!("{}:{}: {own} uses {other}", source.path.display(), index + 1));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn files_and_functions_stay_small() {
    let mut broken = Vec::new();
    for source in sources() {
        if source.lines.len() > MAX_FILE_LINES {
            broken.push(format!("{}: {} lines", source.path.display(), source.lines.len()));
        }
        for (index, line) in source.lines.iter().enumerate() {
            let code = line.trim_start();
            let indent = &line[..line.len() - code.len()];
            let starts = [
                "fn ",
                "pub fn ",
                "async fn ",
                "pub async fn ",
                "pub(super) fn ",
                "pub(crate) fn ",
                "pub(super) async fn ",
            ];
            if !starts.iter().any(|start| code.starts_with(start)) || code.ends_with('}') {
                continue;
            }
            let end = format!("{indent}}}");
            let length = source.lines[index..].iter().position(|line| *line == end).unwrap_or(0) + 1;
            if length > MAX_FUNCTION_LINES {
                broken.push(format!("{}:{}: a function of {length} lines", source.path.display(), index + 1));
            }
        }
    }
    assert!(broken.is_empty(), "too large:\n{}", broken.join("\n"));
}

#[test]
fn every_file_says_what_it_owns() {
    let silent: Vec<String> = sources()
        .into_iter()
        .filter(|source| !source.lines.first().is_some_and(|line| line.starts_with("//! ")))
        .map(|source| source.path.display().to_string())
        .collect();
    assert!(silent.is_empty(), "files without a module doc: {silent:?}");
}

#[test]
fn nothing_is_left_undone_or_allowed_without_a_reason() {
    let mut broken = Vec::new();
    for source in sources() {
        for (index, line) in source.lines.iter().enumerate() {
            let undone = ["TODO", "FIXME", "XXX", "HACK"].iter().any(|word| line.contains(word));
            let bare = line.contains("#[allow(")
                || (line.contains("#[expect(") && !line.contains("reason") && line.ends_with(")]"));
            if undone || bare {
                broken.push(format!("{}:{}: {}", source.path.display(), index + 1, line.trim()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_self_metric_is_documented() {
    let page = std::fs::read_to_string(root().join("deploy/README.md")).unwrap();
    for declaration in calm_agent::telemetry::instruments::declared::ALL {
        let line = format!("| `{}` | {} | {} |", declaration.name, declaration.unit, declaration.description);
        assert!(page.contains(&line), "deploy/README.md lacks the line\n{line}");
    }
}
