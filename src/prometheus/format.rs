//! Which of the two formats a page is in, and what to ask for.

use thiserror::Error;

/// Value of the `Accept` header of a scrape: newest first, anything last.
///
/// Source: Prometheus "Content negotiation"; UTF-8 names are asked for, since both readers know them.
pub const ACCEPT: &str = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
                          text/plain;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";

/// The grammar of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text 0.0.4 and 1.0.0: times in milliseconds, a counter's family is named like its sample.
    Text,
    /// OpenMetrics 0.0.1 and 1.0.0: times in seconds, a counter `x` has the sample `x_total`, the page ends with `# EOF`.
    OpenMetrics,
}

/// The target answered with a web page, most often a login or an error page behind a wrong path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the target answered with HTML, not with metrics; check its path and whether it wants a login")]
pub struct HtmlAnswer;

impl Format {
    /// The format that a response's `Content-Type` announces. A missing or unknown type is text 0.0.4, as exporters in the
    /// field send `text/plain` without a version or nothing at all.
    ///
    /// # Errors
    /// [`HtmlAnswer`] for `text/html` and `application/xhtml+xml`.
    pub fn of(content_type: Option<&str>) -> Result<Self, HtmlAnswer> {
        let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("text/html") || essence.eq_ignore_ascii_case("application/xhtml+xml") {
            return Err(HtmlAnswer);
        }
        if essence.eq_ignore_ascii_case("application/openmetrics-text") {
            return Ok(Self::OpenMetrics);
        }
        Ok(Self::Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_type_alone_decides() {
        let cases = [
            (None, Format::Text),
            (Some(""), Format::Text),
            (Some("text/plain"), Format::Text),
            (Some("text/plain; version=0.0.4; charset=utf-8"), Format::Text),
            (Some("text/plain;version=1.0.0;escaping=allow-utf-8"), Format::Text),
            (Some("application/octet-stream"), Format::Text),
            (
                Some("application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"),
                Format::OpenMetrics,
            ),
            (Some("Application/OpenMetrics-Text"), Format::OpenMetrics),
        ];
        for (content_type, format) in cases {
            assert_eq!(Format::of(content_type), Ok(format), "{content_type:?}");
        }
    }

    #[test]
    fn a_web_page_is_named_as_such() {
        assert_eq!(Format::of(Some("text/html; charset=utf-8")), Err(HtmlAnswer));
        assert_eq!(Format::of(Some("application/xhtml+xml")), Err(HtmlAnswer));
    }

    #[test]
    fn preferences_descend() {
        let weights: Vec<f64> =
            ACCEPT.split(";q=").skip(1).map(|rest| rest.split(',').next().unwrap().parse().unwrap()).collect();
        assert!(weights.is_sorted_by(|a, b| a > b), "{weights:?}");
    }
}
