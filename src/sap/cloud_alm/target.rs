//! Where a push goes.

use url::Url;

use crate::metric::ServiceId;

/// The address of pushes, but for the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Path behind the key's `endpoints.Api`.
    pub path: String,
    /// The query parameter `useCase`.
    pub use_case: String,
    /// The query parameter `dev`: consumers run synchronously and answer with their errors.
    pub dev: bool,
    /// More query parameters.
    pub extra_query: Vec<(String, String)>,
}

impl Target {
    /// The URL of a push for `service` at the API `api`.
    pub fn url(&self, api: &Url, service: &ServiceId) -> Url {
        let mut url = api.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/{}", self.path.trim_start_matches('/')));
        url.query_pairs_mut()
            .append_pair("useCase", &self.use_case)
            .append_pair("serviceId", service.as_str())
            .append_pair("dev", if self.dev { "true" } else { "false" })
            .extend_pairs(&self.extra_query);
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_is_a_query_parameter() {
        let target = Target {
            path: super::super::METRICS_PATH.into(),
            use_case: "hm".into(),
            dev: false,
            extra_query: vec![("tag".into(), "a b".into())],
        };
        let service = ServiceId::parse("0f2c8d1e-0000-4000-8000-0123456789ab").unwrap();
        for api in ["https://eu10.alm.cloud.sap/api", "https://eu10.alm.cloud.sap/api/"] {
            assert_eq!(
                target.url(&api.parse().unwrap(), &service).as_str(),
                "https://eu10.alm.cloud.sap/api/calm-metrics/v1/metrics?useCase=hm\
                 &serviceId=0f2c8d1e-0000-4000-8000-0123456789ab&dev=false&tag=a+b"
            );
        }
    }
}
