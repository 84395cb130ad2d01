//! `[cloud_alm]`.

use crate::condense::Identity;
use crate::config::said::{Choice, FilePath, Link, Pairs, Period, Preset, Said, Shown, Size, Whole, Words, table};
use crate::deliver::{Compression, Encoding};

impl Words for Identity {
    const WORDS: &'static [(&'static str, Self)] = &[("label", Self::Label), ("name", Self::Name)];
}

impl Words for Encoding {
    const WORDS: &'static [(&'static str, Self)] = &[("json", Self::Json), ("protobuf", Self::Protobuf)];
}

impl Words for Compression {
    const WORDS: &'static [(&'static str, Self)] = &[("none", Self::None), ("gzip", Self::Gzip)];
}

table! {
    /// SAP Cloud ALM: where the service key of its API is (exactly one place), and how data is delivered.
    CloudAlmSaid {
        /// The service key, as it was downloaded; relative to this file. `setup` writes the new key here.
        service_key_file: Shown<FilePath> = "service-key.json";
        /// Or: the variable that holds the key.
        service_key_env: Said<String> = "CALM_SERVICE_KEY";
        /// Or: the bindings of this Cloud Foundry application (`VCAP_SERVICES`).
        vcap_services: Said<bool> = "true";
        /// Or: a mounted folder of a service binding.
        service_key_dir: Said<FilePath> = "/bindings/alm";
        /// Or: the name of a systemd credential (`LoadCredential=`).
        systemd_credential: Said<String> = "calm-key";
        /// Another address of the API than the key's `endpoints.Api`.
        api_url: Said<Link> = "https://eu10.alm.cloud.sap/api";
        /// The use case that data is for: Health Monitoring.
        use_case: Preset<String> = "hm";
        /// How often data is sent. The first window closes after 15 s; status changes never wait.
        push_interval: Preset<Period<1_000>> = "5m";
        /// The most requests in any 60 s, retries included. It starts at 20 and learns: several agents share one tenant.
        requests_per_minute: Preset<Whole<1, 10_000>> = "80";
        /// How rows of one metric are told apart: by "label", or by "name" (attributes are folded into the metric's name).
        identity: Preset<Choice<Identity>> = "label";
        /// The most bytes of a request, before compression.
        max_request_bytes: Preset<Size<1_024, 100_000_000>> = "900_000";
        /// The most data points of a request.
        max_points_per_request: Preset<Whole<1, 1_000_000>> = "5000";
        /// How a request is encoded: "json" is proven, "protobuf" is not.
        encoding: Preset<Choice<Encoding>> = "json";
        /// "gzip" or "none". Whether the API takes gzip is not documented.
        compression: Preset<Choice<Compression>> = "none";
        /// Data older than this is given up, counted: the API refuses it.
        max_age: Preset<Period<60_000>> = "24h";
        /// Read a sample back this often, to prove that data arrives; needs the read scopes.
        verify_every: Said<Period<60_000>> = "1h";
        /// Send values of older windows after an outage.
        backfill: Preset<bool> = "true";
        /// Certificates in PEM that are trusted beside the system's own.
        ca_file: Said<FilePath> = "proxy-ca.pem";
        /// A proxy; without it the system's proxy variables count.
        proxy: Said<Link> = "http://proxy.example:8080";
        /// For a whole exchange, from connecting to the last byte of the answer.
        timeout: Preset<Period<100>> = "30s";
        /// Path of the inbound metrics API behind the address of the API.
        metrics_path: Preset<String> = "/calm-metrics/v1/metrics";
        /// More query parameters, as they are.
        extra_query: Said<Pairs<String>> = "{ tenant = \"test\" }";
        /// Ask for answers with the consumers' errors. For trials only.
        dev: Preset<bool> = "false";
    }
}
