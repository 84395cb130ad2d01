//! Stories of the whole program, in one binary.

mod architecture;
mod config;
mod documents;
mod openmetrics;
