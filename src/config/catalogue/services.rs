//! `[[services]]` and their sources.

use super::{MeaningSaid, ReachSaid, SignInSaid, WeightSaid};
use crate::condense::Maintenance;
use crate::config::said::{
    Choice, Flat, JsonPointer, Later, Leaf, Link, Needed, Node, Pairs, Period, Preset, Reader, Said, Shape, Shown,
    Size, StatusCodes, Value, Whole, Words, table,
};
use crate::metric::{Rating, ServiceId};
use crate::sources::http_check::Method;

table! {
    /// One managed service: one object in Landscape Management, one tile in Health Monitoring.
    ServiceSaid {
        /// Its name here.
        name: Needed<String> = "orders";
        /// The id of its object in Landscape Management; `calm-agent discover` lists them.
        service_id: Needed<ServiceId> = "0f2c8d1e-0000-4000-8000-0123456789ab";
        /// The most rows, statuses not counted. What is over it is counted and named, never sent silently.
        max_metrics: Preset<Whole<1, 100_000>> = "100";
        /// Resource attributes that go out, as globs. Default: service.name, service.version, service.instance.id, host.name,
        /// cloudfoundry.*, k8s.*, sap.*.
        resource_labels: Said<Vec<String>> = "[\"service.name\", \"k8s.*\"]";
        /// When statuses go out as info: days, hours, time zone. Also: `calm-agent mute`.
        maintenance: Said<Vec<Maintenance>> = "[\"Sun 02:00-04:00 Europe/Berlin\"]";
        /// Addresses that are asked whether they are well.
        http_check: Shown<Vec<HttpCheckSaid>> = "";
        /// Pages of metrics in the Prometheus or OpenMetrics format.
        prometheus: Shown<Vec<PrometheusSaid>> = "";
        /// This machine: cpu, memory, filesystems, load.
        host: Shown<Vec<HostSaid>> = "";
        /// Applications on Cloud Foundry. Not yet supported in this version.
        cloud_foundry: Said<Later> = "";
        /// An SAP Cloud Connector. Not yet supported in this version.
        cloud_connector: Said<Later> = "";
        /// SAP Cloud Integration. Not yet supported in this version.
        cloud_integration: Said<Later> = "";
        /// SAP HANA Cloud. Not yet supported in this version.
        hana_cloud: Said<Later> = "";
        /// Instances behind SAPControl. Not yet supported in this version.
        sapcontrol: Said<Later> = "";
    }
}

impl Words for Method {
    const WORDS: &'static [(&'static str, Self)] = &[("GET", Self::Get), ("HEAD", Self::Head)];
}

table! {
    /// Two thresholds.
    LevelsSaid {
        /// From here on a warning.
        warning: Said<Period<0>> = "2s";
        /// From here on critical.
        critical: Said<Period<0>> = "4s";
    }
}

table! {
    /// An address that is asked whether it is well. JSON health documents are recognised.
    HttpCheckSaid {
        /// The name of its status in Health Monitoring; unique within the service.
        name: Needed<String> = "shop front";
        /// What is asked.
        url: Needed<Link> = "https://orders.example/health";
        /// How often.
        interval: Preset<Period<1_000>> = "30s";
        /// For one answer; at most the interval. Default: 10s, or the interval if that is shorter.
        timeout: Said<Period<1>> = "10s";
        /// "GET" or "HEAD".
        method: Preset<Choice<Method>> = "GET";
        /// Status codes that are good, when the body says nothing itself.
        expect_status: Preset<Vec<StatusCodes>> = "[\"200-399\"]";
        /// Text that a good body holds.
        expect_body: Said<String> = "ready";
        /// How many redirects are followed, on the same host only.
        max_redirects: Preset<Whole<0, 10>> = "3";
        /// How the body is read: "auto", "off", or { pointer, ratings } for a word in a JSON document.
        health: Preset<HealthSaid> = "auto";
        /// Response times that are too long.
        latency: Preset<LevelsSaid> = "{ warning = \"2s\", critical = \"4s\" }";
        /// Time left of the server's certificate that is too short.
        tls_expiry: Preset<LevelsSaid> = "{ warning = \"30d\", critical = \"7d\" }";
        /// The most bytes of a body.
        max_body_bytes: Preset<Size<0, 67_108_864>> = "64KiB";
        /// When a change counts, and what weight it has.
        weight: Flat<WeightSaid> = "";
        /// How it signs in.
        sign_in: Flat<SignInSaid> = "";
        /// How it is reached.
        reach: Flat<ReachSaid> = "";
    }
}

/// How a health document is recognised.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum HealthSaid {
    Auto,
    Off,
    Pointer(HealthPointerSaid),
}

#[derive(Clone, Copy)]
enum HealthWord {
    Auto,
    Off,
}

impl Words for HealthWord {
    const WORDS: &'static [(&'static str, Self)] = &[("auto", Self::Auto), ("off", Self::Off)];
}

table! {
    /// A word in a JSON document.
    HealthPointerSaid {
        /// Where the word is (RFC 6901).
        pointer: Needed<JsonPointer> = "/status/word";
        /// What the words mean; one that is not here is critical.
        ratings: Needed<Pairs<Rating>> = "{ UP = \"ok\", DEGRADED = \"warning\" }";
    }
}

impl Leaf for HealthSaid {
    fn shape() -> Shape {
        Shape::Either(vec![Choice::<HealthWord>::shape(), HealthPointerSaid::shape()])
    }

    fn read(node: Node, reader: &mut Reader<'_>) -> Option<Self> {
        if matches!(node.value, Value::Table(_)) {
            return HealthPointerSaid::read(node, reader).map(Self::Pointer);
        }
        Choice::<HealthWord>::read(node, reader).map(|Choice(word)| match word {
            HealthWord::Auto => Self::Auto,
            HealthWord::Off => Self::Off,
        })
    }
}

table! {
    /// A page of metrics.
    PrometheusSaid {
        /// The page.
        url: Needed<Link> = "http://127.0.0.1:9100/metrics";
        /// Its name: its status is "Target NAME". Default: host:port/path.
        name: Said<String> = "node";
        /// How often it is read.
        interval: Preset<Period<1_000>> = "15s";
        /// For one page; at most the interval. Default: 10s, or the interval if that is shorter.
        timeout: Said<Period<1>> = "10s";
        /// What its numbers mean.
        meaning: Flat<MeaningSaid> = "";
        /// Keep the page's own `job` and `instance` labels; otherwise they become `exported_job` and `exported_instance`.
        honor_labels: Preset<bool> = "false";
        /// Use the page's own timestamps; otherwise the time of the scrape counts.
        honor_timestamps: Preset<bool> = "true";
        /// The most bytes of a page, after decompression.
        max_body_bytes: Preset<Size<1_024, 1_073_741_824>> = "16MiB";
        /// The most samples of a page.
        max_samples: Preset<Whole<1, 10_000_000>> = "100000";
        /// The most labels of a sample.
        max_labels: Preset<Whole<1, 1_024>> = "64";
        /// When a change of its status counts, and what weight it has.
        weight: Flat<WeightSaid> = "";
        /// How it signs in.
        sign_in: Flat<SignInSaid> = "";
        /// How it is reached.
        reach: Flat<ReachSaid> = "";
    }
}

table! {
    /// This machine.
    HostSaid {
        /// Its name.
        name: Preset<String> = "host";
        /// How often it is read.
        interval: Preset<Period<1_000>> = "30s";
        /// Mount points that are watched, as globs. Default: every real filesystem.
        filesystems: Said<Vec<String>> = "[\"/\", \"/srv/*\"]";
        /// What its numbers mean; the recipe is "host" unless said otherwise.
        meaning: Flat<MeaningSaid> = "";
        /// When a change of its status counts, and what weight it has.
        weight: Flat<WeightSaid> = "";
    }
}
