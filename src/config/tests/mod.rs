//! What the config promises, as tables: the smallest file, the whole file, and more than a hundred broken ones.

mod accepted;
mod doors;
mod form;
mod frames;
mod generated;
mod mutations;
mod schema;
mod sense;
mod values;
mod variables;

use std::path::Path;

use super::{Environment, Invalid, Loaded, Purpose, Request, read};

/// The beginning of a file; its problems begin on line 3.
const KEY: &str = "[cloud_alm]\nservice_key_file = \"key.json\"\n";
const SERVICE: &str = "[[services]]\nname = \"orders\"\nservice_id = \"0f2c8d1e-0000-4000-8000-0123456789ab\"\n";
const CHECK: &str = "[[services.http_check]]\nname = \"shop\"\nurl = \"https://orders.example/\"\n";
const TARGET: &str = "[[services.prometheus]]\nurl = \"http://127.0.0.1:9100/metrics\"\n";
const RECEIVER: &str = "[receivers.otlp]\nhttp = \"127.0.0.1:4318\"\n";
const ROUTE: &str = "[[receivers.otlp.route]]\nservice = \"orders\"\n";

/// What is wrong; the pieces of the file, a line each where they are none of the above; what is said, as `LINE:COLUMN: message; hint`.
type Broken = (&'static str, &'static [&'static str], &'static [&'static str]);

fn recipes(_: Option<&Path>) -> Vec<String> {
    vec!["node".to_owned(), "jvm".to_owned()]
}

fn read_with(text: &str, environment: &Environment) -> Result<Loaded, Box<Invalid>> {
    let path = Path::new("agent.toml");
    read(text, &Request { path, environment, recipes: &recipes, purpose: Purpose::Run })
}

fn read_alone(text: &str) -> Result<Loaded, Box<Invalid>> {
    read_with(text, &Environment::default())
}

fn text_of(pieces: &[&str]) -> String {
    pieces.iter().map(|piece| if piece.ends_with('\n') { (*piece).to_owned() } else { format!("{piece}\n") }).collect()
}

fn every_one_is_found(broken: &[Broken]) {
    for (name, pieces, wanted) in broken {
        let text = text_of(pieces);
        let invalid = read_alone(&text).expect_err(name);
        let found: Vec<_> =
            invalid.problems.iter().map(|problem| problem.to_string().replacen("agent.toml:", "", 1)).collect();
        assert_eq!(found, *wanted, "{name}\n{text}");
        let frames: String = invalid.problems.iter().map(|problem| problem.render(&invalid.text, false)).collect();
        assert!(!format!("{found:?}{frames}").contains("planted"), "{name}: a secret is shown\n{frames}");
    }
}
