//! From points and observations to rows: windows, rates, quotas, statuses.

mod config;
pub mod rules;

pub use config::{
    Across, Config, Confirm, Identity, Maintenance, Recipes, ServiceConfig, SourceConfig, SourceKind, StatusPolicy,
};
