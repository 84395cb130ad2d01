//! Health documents in plain text: Kubernetes' verbose form, ASP.NET Core's single word.

use super::{Health, meaning, one_line};
use crate::metric::Rating;

/// How many failed checks are named.
const MAX_NAMED: usize = 3;

pub(super) fn read(text: &str) -> Option<Health> {
    verbose(text).or_else(|| word(text))
}

/// ASP.NET Core's default writer. Other single words, such as a bare `OK`, say no more than the status code does.
fn word(text: &str) -> Option<Health> {
    let known = ["healthy", "degraded", "unhealthy"].iter().any(|known| text.eq_ignore_ascii_case(known));
    let rating = known.then(|| meaning(text)).flatten()?;
    Some(Health { rating, text: text.to_owned(), measurements: Vec::new() })
}

/// Kubernetes: a line for each check, `[+]name ok` or `[-]name failed: reason withheld`, and a last one that sums up.
fn verbose(text: &str) -> Option<Health> {
    let checks = || text.lines().map(str::trim).filter(|line| line.starts_with("[+]") || line.starts_with("[-]"));
    let total = checks().count();
    if total == 0 || !(text.starts_with("[+]") || text.starts_with("[-]")) {
        return None;
    }
    let failed: Vec<&str> = checks().filter_map(|line| line.strip_prefix("[-]")).collect();
    let summed_up_bad = text.lines().last().is_some_and(|line| line.trim_end().ends_with("check failed"));
    let (rating, text) = if failed.is_empty() && !summed_up_bad {
        (Rating::Ok, format!("all {total} checks passed"))
    } else {
        let named: Vec<String> = failed.iter().take(MAX_NAMED).map(|line| one_line(line)).collect();
        let more = failed.len().saturating_sub(MAX_NAMED);
        let rest = if more > 0 { format!(", and {more} more") } else { String::new() };
        (Rating::Critical, format!("{} of {total} checks failed: {}{rest}", failed.len(), named.join(", ")))
    };
    Some(Health { rating, text, measurements: Vec::new() })
}
