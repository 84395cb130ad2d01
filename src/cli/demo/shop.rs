//! A small shop to watch: what an application on BTP offers, made up, but moving.
//!
//! `/health` is a Spring Boot document whose payment component fails for [`SICK_SECONDS`] out of every [`CYCLE_SECONDS`], so that a tile
//! changes its colour while somebody watches. `/metrics` is a Prometheus page with a counter, a histogram and a connection pool. Everything is
//! a function of the time since the start: two looks at one moment agree.

use std::fmt::Write as _;
use std::net::SocketAddr;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::clock::{Clock, Timestamp};
use crate::shutdown::Tasks;

/// Length of the shop's day.
const CYCLE_SECONDS: f64 = 240.0;
/// For how long of it the payment service is down.
const SICK_SECONDS: f64 = 45.0;
/// Upper bounds of the histogram's buckets, in seconds.
const BOUNDS: [f64; 5] = [0.05, 0.1, 0.25, 0.5, 1.0];
/// Share of the orders in each bucket, the last one open.
const SHARES: [f64; 6] = [0.35, 0.3, 0.2, 0.1, 0.04, 0.01];

/// Starts the shop on a free port.
pub(super) async fn start(clock: Clock, tasks: &Tasks) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let began = clock.now();
    let (health_clock, page_clock) = (clock.clone(), clock);
    let app = Router::new()
        .route("/health", get(move || async move { health(age(&health_clock, began)) }))
        .route("/metrics", get(move || async move { metrics(age(&page_clock, began)) }));
    let stop = tasks.stop().clone();
    tasks.spawn("demo shop", async move {
        let served = axum::serve(listener, app).with_graceful_shutdown(async move { stop.stopped().await });
        if let Err(error) = served.await {
            tracing::warn!(%error, "the demo's shop ended");
        }
    });
    Ok(address)
}

fn age(clock: &Clock, began: Timestamp) -> f64 {
    clock.now().since(began).as_secs_f64()
}

/// The payment service fails in the second half of each cycle.
fn is_sick(age: f64) -> bool {
    (CYCLE_SECONDS / 2.0..CYCLE_SECONDS / 2.0 + SICK_SECONDS).contains(&(age % CYCLE_SECONDS))
}

fn health(age: f64) -> impl IntoResponse {
    let (status, payment, code) =
        if is_sick(age) { ("DOWN", "DOWN", StatusCode::SERVICE_UNAVAILABLE) } else { ("UP", "UP", StatusCode::OK) };
    let body = serde_json::json!({
        "status": status,
        "components": { "db": { "status": "UP" }, "payment": { "status": payment } },
    });
    (code, [(header::CONTENT_TYPE, "application/vnd.spring-boot.actuator.v3+json")], body.to_string())
}

/// Orders since the start: five a second, more in waves.
fn orders(age: f64) -> f64 {
    30.0f64.mul_add(1.0 - (age / 15.0).cos(), 5.0 * age).floor()
}

fn metrics(age: f64) -> impl IntoResponse {
    let (orders, pool) = (orders(age), 14.0f64.mul_add((age / 25.0).sin().powi(2), 4.0).round());
    let mut page = String::new();
    // Writing into a string cannot fail.
    let _ = write!(
        page,
        "# HELP shop_orders_total Orders taken.\n# TYPE shop_orders_total counter\nshop_orders_total {orders}\n\
         # HELP shop_db_pool_borrowed Connections in use.\n# TYPE shop_db_pool_borrowed gauge\nshop_db_pool_borrowed {pool}\n\
         # HELP shop_db_pool_max Connections at most.\n# TYPE shop_db_pool_max gauge\nshop_db_pool_max 20\n\
         # HELP shop_order_duration_seconds Time to take an order.\n# TYPE shop_order_duration_seconds histogram\n"
    );
    let mut seen = 0.0;
    for (index, share) in SHARES.iter().enumerate() {
        seen += share;
        let bound = BOUNDS.get(index).map_or_else(|| "+Inf".to_owned(), ToString::to_string);
        let count = if bound == "+Inf" { orders } else { (orders * seen).floor() };
        let _ = writeln!(page, "shop_order_duration_seconds_bucket{{le=\"{bound}\"}} {count}");
    }
    let _ =
        write!(page, "shop_order_duration_seconds_sum {}\nshop_order_duration_seconds_count {orders}\n", orders * 0.13);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_never_go_back() {
        let taken: Vec<f64> = (0..2_000).map(|tenth| orders(f64::from(tenth) / 10.0)).collect();
        assert!(taken.is_sorted());
    }

    #[test]
    fn it_is_sick_for_a_while_in_each_cycle_and_well_at_the_start() {
        let sick = (0..480).filter(|&second| is_sick(f64::from(second))).count();
        assert_eq!(sick, 90);
        assert!((0..100).all(|second| !is_sick(f64::from(second))));
    }
}
