//! The parts of the demo, put together.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::super::output::Output;
use super::super::run::{log_as, start, stop_signal};
use super::super::setting::{clock, recipe_names};
use super::shop;
use crate::agent::{Drained, Running};
use crate::config::{self, AgentConfig, Environment, LogConfig, LogFormat, LogLevel, Purpose, Request};
use crate::error::{Exit, Failure};
use crate::sandbox::{Facts, Landscape, Options};
use crate::shutdown::{Stop, Tasks};

/// The services of the demo, with the type codes of Landscape Management.
const SERVICES: [(&str, &str); 2] = [("this-host", "SAP_CP_CF"), ("shop", "SAP_CP_CF")];

/// What the demo's agent is told; words in capitals are filled in.
const CONFIG: &str = r#"
[cloud_alm]
service_key_file = "KEY_FILE"
push_interval = "10s"

[agent]
data_dir = "DATA_DIR"
heartbeat_service = "this-host"

[admin]
listen = "ADMIN"

[[services]]
name = "this-host"
service_id = "HOST_ID"
  [[services.host]]
  interval = "5s"

[[services]]
name = "shop"
service_id = "SHOP_ID"
  [[services.http_check]]
  name = "shop front"
  url = "http://SHOP/health"
  interval = "3s"
  essential = true
  [[services.prometheus]]
  name = "shop metrics"
  url = "http://SHOP/metrics"
  interval = "5s"
    [[services.prometheus.rule]]
    select = "shop_db_pool_borrowed"
    as = "quota"
    limit = "shop_db_pool_max"
    name = "db.pool.borrowed"
    warning = "> 80%"
    critical = "> 95%"
    [[services.prometheus.rule]]
    select = "shop_orders_total"
    value = "rate"
    name = "shop.orders"
    [[services.prometheus.rule]]
    select = "shop_order_duration_seconds"
    value = "avg"
    name = "shop.order.duration"
    [[services.prometheus.rule]]
    select = "shop_order_duration_seconds"
    value = "p95"
    name = "shop.order.duration.p95"
"#;

/// Starts everything, says where to look, and waits.
pub(super) async fn show(
    listen: Option<SocketAddr>,
    duration: Option<Duration>,
    output: Output,
) -> Result<Exit, Failure> {
    log_as(LogConfig { level: LogLevel::Warn, format: LogFormat::Human });
    let services = SERVICES.map(|(name, kind)| (name.to_owned(), kind.to_owned())).to_vec();
    let landscape = Landscape::start(Options { listen, services, ..Options::default() })
        .await
        .map_err(|error| Failure::new(Exit::Unavailable, "the sandbox cannot start").because(error))?;
    output.done("a local SAP Cloud ALM, its token service and Landscape Management are running");
    let tasks = Tasks::new(Stop::new());
    let shop = shop::start(clock(), &tasks)
        .await
        .map_err(|error| Failure::new(Exit::Unavailable, "the demo's shop cannot start").because(error))?;
    let admin = free_port().await?;
    let config = configuration(landscape.facts(), shop, admin)?;
    let running = start(config).await?;
    output.done("the agent signed in with the service key that the sandbox issued");
    output.done("it watches this host and a small shop, and pushes every 10 seconds");
    say_where(landscape.facts(), admin, output);
    wait(duration).await?;
    output.note("stopping …");
    let drained: Drained = Running::drain(running).await;
    let _ = tasks.drain(Duration::from_secs(2)).await;
    landscape.stop().await;
    output.done(if drained.queued == 0 { "everything was delivered" } else { "stopped" });
    Ok(Exit::Done)
}

fn say_where(facts: &Facts, admin: SocketAddr, output: Output) {
    let document = serde_json::json!({ "page": format!("http://{admin}/"), "health_monitoring": format!("{}/", facts.page), "landscape": facts });
    output.document(&document, |output| {
        output.line("");
        output.line(format_args!("  the agent's page: services, sources, plots   http://{admin}/"));
        output.line(format_args!("  what Health Monitoring would show            {}/", facts.page));
        output.line("");
        output.note("The first numbers arrive within 20 seconds. In two minutes the shop's payment service fails for a while: watch its tile.");
        output.note("Ctrl-C ends the demo.");
    });
}

async fn wait(duration: Option<Duration>) -> Result<(), Failure> {
    match duration {
        None => stop_signal().await,
        Some(duration) => tokio::time::timeout(duration, stop_signal()).await.unwrap_or(Ok(())),
    }
}

/// A free port on loopback; taken again a moment later by the agent's admin page.
async fn free_port() -> Result<SocketAddr, Failure> {
    let failed = |error| Failure::new(Exit::Unavailable, "no free port on loopback").because(error);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
    listener.local_addr().map_err(failed)
}

fn configuration(facts: &Facts, shop: SocketAddr, admin: SocketAddr) -> Result<AgentConfig, Failure> {
    let folder = facts.config_file.parent().unwrap_or(Path::new("."));
    let key = facts.service_key_file.as_deref().unwrap_or(Path::new("service-key.json"));
    let id = |name: &str| {
        facts
            .services
            .iter()
            .find(|service| service.name == name)
            .map(|service| &*service.service_id)
            .unwrap_or_default()
    };
    let text = CONFIG
        .replace("KEY_FILE", &key.display().to_string())
        .replace("DATA_DIR", &folder.join("agent-data").display().to_string())
        .replace("ADMIN", &admin.to_string())
        .replace("HOST_ID", id("this-host"))
        .replace("SHOP_ID", id("shop"))
        .replace("SHOP", &shop.to_string());
    let path = folder.join("demo.toml");
    // The demo's own configuration is nobody's to override.
    let environment = Environment::default();
    let request = Request { path: &path, environment: &environment, recipes: &recipe_names, purpose: Purpose::Run };
    let loaded = config::read(&text, &request).map_err(|invalid| {
        Failure::new(Exit::Failed, "the demo's own configuration is wrong").because(format!("{:?}", invalid.problems))
    })?;
    Ok(loaded.config)
}
