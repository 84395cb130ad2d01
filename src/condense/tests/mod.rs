//! Stories of the condenser, told as what goes in and what comes out.

mod kit;
mod numbers;
mod properties;
mod quotas;
mod recipes;
mod reload;
mod rooms;
mod statuses;
