//! Contracts of the SAP side: facts, no policy.
//!
//! * [`service_key`]: the credential, in every wrapper it comes in.
//! * [`uaa`]: tokens for it.
//! * [`cloud_alm`]: the inbound metrics API, as bytes and answers.

pub mod cloud_alm;
pub mod service_key;
pub mod uaa;
