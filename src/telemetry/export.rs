//! Sending the self-metrics to an OTLP endpoint, with the OpenTelemetry SDK.
//!
//! The SDK collects on a thread of its own. Our client needs the runtime, so each export hops onto it and waits there; the deadline is our
//! client's. Exports are not retried: the next one carries newer numbers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{MetricExporter, Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use tokio::runtime::Handle;
use url::Url;

use super::instruments::Instruments;
use crate::http::{BuildError, Client, ClientConfig, Request};

/// The most of an answer that is read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Where and how often.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The OTLP/HTTP endpoint, with its path (`…/v1/metrics`).
    pub endpoint: Url,
    /// How often.
    pub interval: Duration,
    /// How it is reached.
    pub http: ClientConfig,
}

/// Why the export could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// No client.
    #[error(transparent)]
    Client(#[from] BuildError),
    /// The SDK refused its settings.
    #[error("the OTLP exporter of the self-metrics cannot be built")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
}

/// A running export.
#[derive(Debug)]
pub struct Export(SdkMeterProvider);

impl Export {
    /// Starts it. Call inside the runtime.
    ///
    /// # Errors
    /// [`ExportError`] when client or exporter cannot be built.
    pub fn start(config: &Config, instruments: &Instruments) -> Result<Self, ExportError> {
        let client = Hop { client: Client::new(&config.http, &config.endpoint)?, runtime: Handle::current() };
        let exporter = MetricExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(config.endpoint.as_str())
            .with_http_client(client)
            .build()?;
        let reader = PeriodicReader::builder(exporter).with_interval(config.interval).build();
        let resource = Resource::builder_empty()
            .with_attributes([
                opentelemetry::KeyValue::new("service.name", "calm-agent"),
                opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            ])
            .build();
        let provider = SdkMeterProvider::builder().with_reader(reader).with_resource(resource).build();
        instruments.observe(&provider.meter("calm-agent"));
        Ok(Self(provider))
    }

    /// Sends what there is and ends. Blocking work runs off the runtime's threads.
    pub async fn stop(self) {
        let provider = self.0;
        let ended = tokio::task::spawn_blocking(move || provider.shutdown()).await;
        if !matches!(ended, Ok(Ok(()))) {
            tracing::debug!("the last export of the self-metrics did not get through");
        }
    }
}

/// Our client, as the SDK's threads can use it.
#[derive(Debug)]
struct Hop {
    client: Client,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Hop {
    async fn send_bytes(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let url = head.uri.to_string().parse::<Url>()?;
        let ours = Request { method: head.method, url, headers: head.headers, body };
        let client = Arc::new(self.client.clone());
        let answer = self.runtime.spawn(async move { client.send(ours, MAX_ANSWER_BYTES).await }).await??;
        let mut response = http::Response::new(answer.body);
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::super::instruments::declared::ACCEPTED;
    use super::*;
    use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
    use prost::Message;
    use tokio::sync::mpsc;

    /// A tiny receiver: every body it is sent.
    async fn receiver() -> (Url, mpsc::Receiver<Bytes>, crate::shutdown::Tasks) {
        let (sender, bodies) = mpsc::channel(16);
        let app = axum::Router::new().fallback(move |body: Bytes| async move {
            let _ = sender.send(body).await;
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1/metrics", listener.local_addr().unwrap()).parse().unwrap();
        let tasks = crate::shutdown::Tasks::default();
        tasks.spawn("receiver", async move { axum::serve(listener, app).await.unwrap() });
        (url, bodies, tasks)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_exported_is_what_the_readers_say() {
        let (endpoint, mut bodies, _tasks) = receiver().await;
        let instruments = Instruments::default();
        instruments.register_one(ACCEPTED, || 42.0);
        let config = Config { endpoint, interval: Duration::from_secs(3_600), http: ClientConfig::default() };
        let export = Export::start(&config, &instruments).unwrap();
        export.stop().await;
        let request = ExportMetricsServiceRequest::decode(bodies.recv().await.unwrap()).unwrap();
        let metric = &request.resource_metrics[0].scope_metrics[0].metrics[0];
        assert_eq!(metric.name, "calm_agent.points.accepted");
        assert!(format!("{metric:?}").contains("AsDouble(42.0)"), "{metric:?}");
    }
}
