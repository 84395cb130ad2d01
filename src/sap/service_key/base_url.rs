//! The base URL of the API, and the traps around it.
//!
//! SAP's own pages want it with `/api` in one place and without in another, so people paste both, and addresses of the user interface. What
//! can be put right is put right and told as a note; what cannot is an error. The rest is used as it is.

use url::{Host, Url};

use super::KeyError;
use crate::http::is_loopback;

/// The domain of every tenant of SAP Cloud ALM but those in China, whose host is not publicly known.
const DOMAIN: &str = ".alm.cloud.sap";
/// First path segments of the user interface.
const PAGES: [&str; 3] = ["launchpad", "shell", "cp.portal"];

/// The API's base, without a trailing slash, with what was put right.
pub(super) fn api_url(text: &str, notes: &mut Vec<String>) -> Result<Url, KeyError> {
    const WHAT: &str = "the API URL";
    let mut url = credential_url(text, WHAT)?;
    let first = url.path_segments().and_then(|mut segments| segments.next()).unwrap_or_default();
    if url.fragment().is_some() || PAGES.iter().any(|page| first.eq_ignore_ascii_case(page)) {
        return Err(KeyError::PageUrl { what: WHAT, path: url.path().to_owned() });
    }
    if url.query().is_some() {
        return Err(KeyError::BadUrl { what: WHAT, why: "a query does not belong to it" });
    }
    let mut path = url.path().trim_end_matches('/').to_owned();
    if !is_tenant(&url) {
        url.set_path(&path);
        return Ok(url);
    }
    if path.is_empty() {
        notes.push(format!("\"/api\" was appended to the API URL of {}", host(&url)));
        path.push_str("/api");
    }
    while path.starts_with("/api/api") {
        notes.push("\"/api\" stood twice in the API URL; one was taken away".to_owned());
        path.drain(..4);
    }
    // Somebody pasted the address of one API, such as …/api/calm-metrics/v1/metrics.
    if path.starts_with("/api/") {
        notes.push(format!("\"{}\" was cut from the API URL", &path[4..]));
        path.truncate(4);
    }
    url.set_path(&path);
    Ok(url)
}

/// The token endpoint below the base URL of the XSUAA tenant; the base may carry the path already.
pub(super) fn token_url(text: &str, what: &'static str) -> Result<Url, KeyError> {
    let mut url = credential_url(text, what)?;
    let path = url.path().trim_end_matches('/').trim_end_matches("/oauth/token").to_owned();
    url.set_path(&format!("{path}/oauth/token"));
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

/// A URL that a credential may go to.
fn credential_url(text: &str, what: &'static str) -> Result<Url, KeyError> {
    let bad = |why| KeyError::BadUrl { what, why };
    let url = Url::parse(text.trim()).map_err(|_| bad("it cannot be read"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("it has a user in it"));
    }
    match url.scheme() {
        "https" if url.host().is_some() => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(bad("plain http:// is accepted for loopback only, since a credential goes there")),
        _ => Err(bad("it does not begin with https://")),
    }
}

/// Says so when the API and the token service are in different regions. A suffix (`eu10-004`) may differ.
pub(super) fn region_note(api: &Url, token: &Url) -> Option<String> {
    let (api_region, token_region) = (api_region(api)?, token_region(token)?);
    let main = |region: &str| region.split('-').next().map(str::to_owned);
    (main(api_region) != main(token_region)).then(|| {
        format!("the API is in region {api_region} and the token service in {token_region}: the URLs may be of different tenants")
    })
}

fn api_region(api: &Url) -> Option<&str> {
    api.host_str()?.strip_suffix(DOMAIN)?.rsplit('.').next()
}

fn token_region(token: &Url) -> Option<&str> {
    let host = token.host_str()?.strip_suffix(".hana.ondemand.com")?;
    let (_, behind) = host.split_once(".authentication.")?;
    Some(behind.strip_prefix("cert.").unwrap_or(behind))
}

fn is_tenant(url: &Url) -> bool {
    matches!(url.host(), Some(Host::Domain(name)) if name.ends_with(DOMAIN))
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(text: &str) -> (String, usize) {
        let mut notes = Vec::new();
        let url = api_url(text, &mut notes).unwrap();
        (url.to_string(), notes.len())
    }

    #[test]
    fn every_form_that_people_paste_becomes_one() {
        for (text, notes) in [
            ("https://eu10.alm.cloud.sap/api", 0),
            ("https://eu10.alm.cloud.sap/api/", 0),
            (" https://eu10.alm.cloud.sap ", 1),
            ("https://eu10.alm.cloud.sap/", 1),
            ("https://eu10.alm.cloud.sap/api/api", 1),
            ("https://eu10.alm.cloud.sap/api/calm-metrics/v1/metrics", 1),
        ] {
            assert_eq!(normal(text), ("https://eu10.alm.cloud.sap/api".to_owned(), notes), "{text}");
        }
        assert_eq!(normal("https://acme.eu10-004.alm.cloud.sap").0, "https://acme.eu10-004.alm.cloud.sap/api");
    }

    #[test]
    fn other_hosts_are_used_as_they_are() {
        assert_eq!(normal("http://127.0.0.1:8080/api/"), ("http://127.0.0.1:8080/api".to_owned(), 0));
        assert_eq!(normal("https://alm.example/gateway"), ("https://alm.example/gateway".to_owned(), 0));
    }

    #[test]
    fn pages_for_people_and_plain_http_are_refused_with_a_hint() {
        use crate::error::Explain;
        for text in [
            "https://acme.eu10.alm.cloud.sap/launchpad#Shell-home",
            "https://acme.eu10.alm.cloud.sap/shell",
            "https://acme.eu10.alm.cloud.sap/api#x",
            "http://eu10.alm.cloud.sap/api",
            "https://u:p@eu10.alm.cloud.sap/api",
            "https://eu10.alm.cloud.sap/api?x=1",
            "eu10.alm.cloud.sap/api",
            "ftp://eu10.alm.cloud.sap/api",
        ] {
            let error = api_url(text, &mut Vec::new()).unwrap_err();
            assert!(matches!(error, KeyError::PageUrl { .. } | KeyError::BadUrl { .. }), "{text}: {error}");
            assert!(error.hint().is_some());
        }
    }

    #[test]
    fn the_token_endpoint_is_below_the_base() {
        for text in [
            "https://acme.authentication.eu10.hana.ondemand.com",
            "https://acme.authentication.eu10.hana.ondemand.com/",
            "https://acme.authentication.eu10.hana.ondemand.com/oauth/token",
        ] {
            let url = token_url(text, "uaa.url").unwrap();
            assert_eq!(url.as_str(), "https://acme.authentication.eu10.hana.ondemand.com/oauth/token");
        }
    }

    #[test]
    fn regions_are_compared_before_their_suffix() {
        let note = |api: &str, token: &str| region_note(&api.parse().unwrap(), &token.parse().unwrap());
        let token = "https://acme.authentication.eu10.hana.ondemand.com/oauth/token";
        let cert = "https://acme.authentication.cert.us10.hana.ondemand.com/oauth/token";
        assert_eq!(note("https://eu10-004.alm.cloud.sap/api", token), None);
        assert_eq!(note("https://acme.eu10.alm.cloud.sap/api", token), None);
        assert!(note("https://eu10.alm.cloud.sap/api", cert).is_some_and(|note| note.contains("us10")));
        assert_eq!(note("http://127.0.0.1/api", token), None);
    }
}
