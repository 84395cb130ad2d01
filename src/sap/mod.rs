//! Contracts of the SAP side: facts, no policy.
pub mod service_key;
