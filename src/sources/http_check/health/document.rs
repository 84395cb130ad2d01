//! Health documents in JSON: a status, and the components it is made of.

use serde_json::{Map, Value};

use super::{Health, MAX_MEASUREMENTS, Measurement, meaning, one_line};
use crate::metric::Rating;

/// How many bad components are named in the sentence.
const MAX_NAMED: usize = 3;
/// How deep composites are followed.
const MAX_DEPTH: usize = 8;

type Object = Map<String, Value>;

/// A component that is not well.
#[derive(Debug)]
struct Bad {
    rating: Rating,
    path: String,
    word: String,
    why: String,
}

/// Reads a document, or says `None` when it is about something else.
pub(super) fn read(media_type: &str, value: &Value) -> Option<Health> {
    let object = value.as_object()?;
    let word = status(object)?;
    let declared = media_type == "application/health+json" || media_type.starts_with("application/vnd.spring-boot");
    let known = meaning(word);
    if known.is_none() && !declared && children(object).is_empty() {
        // Such as an API's {"status": "success"}.
        return None;
    }
    let mut bad = Vec::new();
    collect(object, "", 0, &mut bad);
    // A stable order, so that the sentence does not change while nothing does.
    bad.sort_by(|a, b| b.rating.cmp(&a.rating).then_with(|| a.path.cmp(&b.path)));
    let why = reason(object);
    Some(Health {
        rating: known.unwrap_or(Rating::Warning),
        text: sentence(word, known, &why, &bad),
        measurements: measurements(object),
    })
}

/// .NET serialisers write `Status` where they are not told otherwise.
fn field<'v>(object: &'v Object, name: &str) -> Option<&'v Value> {
    object.get(name).or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

fn status(object: &Object) -> Option<&str> {
    field(object, "status")?.as_str()
}

/// The components of a document or composite, with their names, whatever its format calls them.
fn children(object: &Object) -> Vec<(&str, &Object)> {
    let mut found = Vec::new();
    for name in ["components", "checks", "entries", "details"] {
        match field(object, name) {
            Some(Value::Object(map)) => {
                for (key, value) in map {
                    // IETF: a list of measurements for each key.
                    let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
                    found.extend(values.iter().filter_map(Value::as_object).map(|child| (key.as_str(), child)));
                }
            }
            Some(Value::Array(list)) => {
                let named = |child: &'_ Object| field(child, "name").and_then(Value::as_str).is_some();
                found.extend(
                    list.iter()
                        .filter_map(Value::as_object)
                        .filter(|child| named(child))
                        .map(|child| (field(child, "name").and_then(Value::as_str).unwrap_or_default(), child)),
                );
            }
            _ => {}
        }
    }
    // Under `details`, a component is what has a status; anything else is a detail.
    found.retain(|(_, child)| status(child).is_some());
    found
}

/// Gathers what is bad, leaves only: a composite that is down because of its parts is not named itself.
fn collect(object: &Object, path: &str, depth: usize, bad: &mut Vec<Bad>) {
    if depth == MAX_DEPTH {
        return;
    }
    for (name, child) in children(object) {
        let path = if path.is_empty() { one_line(name) } else { format!("{path}/{}", one_line(name)) };
        let before = bad.len();
        collect(child, &path, depth + 1, bad);
        let word = status(child).unwrap_or_default();
        if let Some(rating) = meaning(word).filter(|rating| rating.is_bad())
            && bad.len() == before
        {
            bad.push(Bad { rating, path, word: one_line(word), why: reason(child) });
        }
    }
}

/// Why a component is bad, in its own words, where its format has a place for them.
fn reason(object: &Object) -> String {
    let direct = ["output", "description", "exception", "error", "message"];
    let nested = ["details", "data"].into_iter().filter_map(|name| field(object, name)?.as_object());
    std::iter::once(object)
        .chain(nested)
        .find_map(|place| direct.iter().find_map(|name| field(place, name)?.as_str().filter(|text| !text.is_empty())))
        .map(one_line)
        .unwrap_or_default()
}

fn sentence(word: &str, known: Option<Rating>, why: &str, bad: &[Bad]) -> String {
    let word = one_line(word);
    let Some(rating) = known else {
        return format!(
            "says {word:?}, a word this agent does not know; give the check a pointer and a table of words"
        );
    };
    let parts = named(bad);
    match (rating.is_bad(), parts.is_empty()) {
        (true, true) if why.is_empty() => format!("says {word}"),
        (true, true) => format!("says {word}: {why}"),
        (true, false) => format!("says {word}: {parts}"),
        (false, true) => word,
        (false, false) => format!("{word}, though {parts}"),
    }
}

fn named(bad: &[Bad]) -> String {
    let mut parts: Vec<String> = bad
        .iter()
        .take(MAX_NAMED)
        .map(
            |Bad { path, word, why, .. }| {
                if why.is_empty() { format!("{path} is {word}") } else { format!("{path} is {word}: {why}") }
            },
        )
        .collect();
    if bad.len() > MAX_NAMED {
        parts.push(format!("and {} more", bad.len() - MAX_NAMED));
    }
    parts.join("; ")
}

/// IETF's numbers: `"component:measurement": [{"observedValue": 250, "observedUnit": "ms"}]`.
fn measurements(object: &Object) -> Vec<Measurement> {
    let Some(Value::Object(checks)) = field(object, "checks") else { return Vec::new() };
    let all = checks.iter().flat_map(|(key, list)| {
        list.as_array().into_iter().flatten().filter_map(Value::as_object).map(move |check| (key, check))
    });
    let text = |check: &Object, name| field(check, name).and_then(Value::as_str).map(one_line).unwrap_or_default();
    all.filter_map(|(key, check)| {
        let value = field(check, "observedValue")?.as_f64().filter(|value| value.is_finite())?;
        let (component, name) = key.split_once(':').unwrap_or(("", key));
        Some(Measurement {
            name: one_line(name),
            component: one_line(component),
            id: text(check, "componentId"),
            unit: text(check, "observedUnit"),
            value,
        })
    })
    .take(MAX_MEASUREMENTS)
    .collect()
}
