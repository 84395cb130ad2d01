//! The running agent.

pub mod status;
