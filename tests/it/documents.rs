//! The documents speak the truth.
//!
//! *Scenario*: somebody copies a snippet out of the README or the operations guide.
//! *Guarantees*: every command line is understood by the program as it is, every configuration passes `check`.

use std::path::PathBuf;
use std::process::Command;

fn read(name: &str) -> String {
    std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The fenced blocks of one language, with the indentation of their fence taken off.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut current: Option<(usize, Vec<String>)> = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        match (&mut current, line.trim_start()) {
            (None, fence) if fence == format!("```{language}") => current = Some((indent, Vec::new())),
            (Some((_, lines)), "```") => {
                found.push(lines.join("\n"));
                current = None;
            }
            (Some((outer, lines)), _) => lines.push(line.get(*outer..).unwrap_or_default().to_owned()),
            _ => {}
        }
    }
    found
}

/// A shell line split into words, with double quotes.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for character in line.chars() {
        match character {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            other => words.last_mut().unwrap().push(other),
        }
    }
    words.into_iter().filter(|word| !word.is_empty()).collect()
}

#[test]
fn every_command_line_is_understood() {
    let mut seen = 0;
    for document in ["README.md", "deploy/README.md"] {
        for block in blocks(&read(document), "sh") {
            for line in block.lines().filter(|line| line.starts_with("calm-agent ")) {
                let mut arguments = words(line);
                arguments.remove(0);
                // `--help` at the end stops the run, and the line is still parsed up to there.
                arguments.push("--help".to_owned());
                let output = Command::new(env!("CARGO_BIN_EXE_calm-agent")).args(&arguments).output().unwrap();
                assert!(output.status.success(), "{document}: {line}\n{}", String::from_utf8_lossy(&output.stderr));
                seen += 1;
            }
        }
    }
    assert!(seen >= 7, "only {seen} command lines were found");
}

#[test]
fn every_configuration_passes_check() {
    let mut seen = 0;
    for document in ["README.md", "deploy/README.md"] {
        for block in blocks(&read(document), "toml") {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("agent.toml");
            std::fs::write(&path, &block).unwrap();
            let output = Command::new(env!("CARGO_BIN_EXE_calm-agent"))
                .arg("--config")
                .arg(&path)
                .arg("check")
                .output()
                .unwrap();
            assert!(output.status.success(), "{document}:\n{block}\n{}", String::from_utf8_lossy(&output.stderr));
            seen += 1;
        }
    }
    assert!(seen >= 2, "only {seen} configurations were found");
}

#[test]
fn what_is_deployed_passes_check_too() {
    let kubernetes = read("deploy/kubernetes/calm-agent.yaml");
    let embedded: String = kubernetes
        .lines()
        .skip_while(|line| !line.contains("agent.toml: |"))
        .skip(1)
        .take_while(|line| line.is_empty() || line.starts_with("    "))
        .map(|line| format!("{}\n", line.trim_start()))
        .collect();
    for (name, text) in [("kubernetes", embedded), ("cloud-foundry", read("deploy/cloud-foundry/agent.toml"))] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.toml");
        std::fs::write(&path, &text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_calm-agent"))
            .arg("--config")
            .arg(&path)
            .arg("check")
            .env("VCAP_SERVICES", "{}")
            .output()
            .unwrap();
        assert!(output.status.success(), "{name}:\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}
