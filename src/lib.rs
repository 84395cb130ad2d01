//! calm-agent keeps SAP Cloud ALM truthfully informed about managed cloud services.
//!
//! ```text
//!  push ── receivers/otlp ──┐
//!                           │  Intake        journal          condenser            outbox            dispatcher
//!  pull ── scrape controller├─────────► append, sync ───► one window per ──► durable request ──► request budget ──► Cloud ALM
//!           prometheus …    │  (bounded)   = the ack        service: rates,    batches, one       status > fresh       │
//!  check ─ http_check …  ───┘                               quotas, ratings    lane per service   > backlog            │
//!                                                               ▲                   ▲  ack/park/split/bury ◄───────────┘
//!                                                            recipes             token source (key → OAuth)
//! ```
//!
//! Imports go one way. A module may use the layers below its own, never a sibling on layer 3; `tests/it/architecture.rs` reads
//! our own `use` lines and fails when this table is broken.
//!
//! | layer | modules | what it is |
//! |---|---|---|
//! | 0 | [`clock`] [`error`] [`secret`] [`units`] [`shutdown`] [`metric`] | foundation: the language of the house |
//! | 1 | [`telemetry`] [`http`] | services of the house: ledger, component status, one HTTP client |
//! | 2 | [`sap`] [`otlp`] [`prometheus`] | contracts: facts of the other side, no policy |
//! | 3 | [`sources`] [`condense`] [`deliver`] | components; siblings never import siblings |
//! | 4 | [`config`] [`agent`] | assembly: said → meant, and the one place that builds components |
//! | 5 | [`cli`] [`admin`] [`sandbox`] | surface; `sandbox` uses layer 0 and third-party crates alone |

pub mod clock;
pub mod error;
pub mod metric;
pub mod secret;
pub mod shutdown;
pub mod units;

pub mod http;
pub mod telemetry;

pub mod otlp;
pub mod prometheus;
pub mod sap;

pub mod condense;
pub mod deliver;
pub mod sources;

pub mod agent;
pub mod config;

pub mod admin;
pub mod cli;
#[cfg(feature = "sandbox")]
pub mod sandbox;
