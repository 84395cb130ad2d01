//! The running agent.

pub mod control;
pub mod status;
