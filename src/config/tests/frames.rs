//! How problems look.

use super::{CHECK, KEY, SERVICE, read_alone, read_with};
use crate::config::Environment;

fn frames(text: &str) -> String {
    let invalid = read_alone(text).unwrap_err();
    invalid.problems.iter().map(|problem| problem.render(&invalid.text, false) + "\n").collect()
}

#[test]
fn a_caret_stands_under_the_key_or_the_value() {
    let text = format!("{KEY}push_intervall = \"5m\"\nencoding = \"jsom\" # ü\n");
    insta::assert_snapshot!(frames(&text), @r#"
    error: unknown key `push_intervall` in `cloud_alm`
     --> agent.toml:3:1
      |
    3 | push_intervall = "5m"
      | ^^^^^^^^^^^^^^
      |
      = help: did you mean `push_interval`?
    error: `encoding` cannot be "jsom"
     --> agent.toml:4:12
      |
    4 | encoding = "jsom" # ü
      |            ^^^^^^
      |
      = help: did you mean "json"? One of "json", "protobuf"
    "#);
}

#[test]
fn columns_count_characters() {
    let text = format!("{KEY}extra_query = {{ \"größe\" = \"ü\", b = 1 }}\n");
    insta::assert_snapshot!(frames(&text), @r#"
    error: `b` must be a text, not a number
     --> agent.toml:3:36
      |
    3 | extra_query = { "größe" = "ü", b = 1 }
      |                                    ^
      |
      = help: write for example b = "…"
    "#);
}

#[test]
fn a_secret_is_masked_also_where_another_problem_is() {
    let text =
        format!("{KEY}{SERVICE}{CHECK}health = {{ password = \"planted\", a = {{ client_secret = 'planted' }} }}\n");
    insta::assert_snapshot!(frames(&text), @r#"
    error: `pointer` is missing in `health`
     --> agent.toml:9:10
      |
    9 | health = { password = "*******", a = { client_secret = '*******' } }
      |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: add for example pointer = "/status/word"
    error: `ratings` is missing in `health`
     --> agent.toml:9:10
      |
    9 | health = { password = "*******", a = { client_secret = '*******' } }
      |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: add for example ratings = { UP = "ok", DEGRADED = "warning" }
    error: unknown key `password` in `health`
     --> agent.toml:9:12
      |
    9 | health = { password = "*******", a = { client_secret = '*******' } }
      |            ^^^^^^^^
      |
      = help: known here: pointer, ratings
    error: unknown key `a` in `health`
     --> agent.toml:9:34
      |
    9 | health = { password = "*******", a = { client_secret = '*******' } }
      |                                  ^
      |
      = help: known here: pointer, ratings
    "#);
}

#[test]
fn a_secret_is_masked_in_a_line_that_does_not_parse() {
    let text = format!(
        "{KEY}{SERVICE}{CHECK}username = \"monitor\"\npassword = \"planted\nurl = https://user:planted@orders.example\n"
    );
    let shown = frames(&text);
    assert!(!shown.contains("planted"), "{shown}");
    insta::assert_snapshot!(shown, @r#"
    error: invalid basic string, expected `"`
      --> agent.toml:10:20
       |
    10 | password = "*******
       |                    ^
       |
       = help: correct the TOML at this place; texts stand in double quotes
    error: duplicate key
      --> agent.toml:11:1
       |
    11 | url = https://************@orders.example
       | ^^^
       |
       = help: each key and each [table] stands once; take the second one out, or join the two
    error: string values must be quoted, expected literal string
      --> agent.toml:11:7
       |
    11 | url = https://************@orders.example
       |       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
       |
       = help: correct the TOML at this place; texts stand in double quotes
    "#);
}

#[test]
fn a_variable_has_no_frame() {
    let environment: Environment = [("CALM_AGENT__LOG__LEVEL", "verbose")].into_iter().collect();
    let invalid = read_with(KEY, &environment).unwrap_err();
    insta::assert_snapshot!(invalid.problems[0].render(&invalid.text, false), @r#"
    error: `level` cannot be "verbose"
     |
     = note: from the environment variable CALM_AGENT__LOG__LEVEL
     = help: one of "error", "warn", "info", "debug", "trace"
    "#);
}

#[test]
fn colour_is_the_callers_choice() {
    let invalid = read_alone("").unwrap_err();
    assert!(invalid.problems[0].render(&invalid.text, true).contains("\u{1b}["));
    assert!(!invalid.problems[0].render(&invalid.text, false).contains("\u{1b}["));
}

#[test]
fn as_json_it_has_the_five_fields_and_the_variable_where_there_is_one() {
    let invalid = read_alone(&format!("{KEY}dev = 1\n")).unwrap_err();
    insta::assert_snapshot!(serde_json::to_string(&invalid.problems[0]).unwrap(), @r#"{"file":"agent.toml","line":3,"column":7,"message":"`dev` must be true or false, not a number","hint":"write for example dev = true"}"#);
    let environment: Environment = [("CALM_AGENT__CLOUD_ALM__DEV", "1")].into_iter().collect();
    let invalid = read_with(KEY, &environment).unwrap_err();
    insta::assert_snapshot!(serde_json::to_string(&invalid.problems[0]).unwrap(), @r#"{"file":"agent.toml","line":null,"column":null,"message":"`dev`: \"1\" is neither true nor false","hint":"write true or false","variable":"CALM_AGENT__CLOUD_ALM__DEV"}"#);
}
