//! The OTLP/HTTP receiver: what applications and collectors push.
//!
//! A push is judged from the outside in, and each step costs only what the steps before it allowed: path, method, content type, encoding,
//! declared length; then the body is read, and when its turn has come inflated, walked, routed and offered to the intake. It is answered with
//! success once it is safe there, and not before. Points that are refused are counted by reason, told to the sender by partial success, and never
//! fail the points beside them.
//!
//! | answer | when |
//! |---|---|
//! | 200 | taken; `partialSuccess` when points were refused |
//! | 400 | the body cannot be read |
//! | 401 | no or a wrong bearer token (the listener's answer, before the body is read) |
//! | 404, 405 | another path, another method |
//! | 408 | the body did not come in time |
//! | 413 | larger than a limit, before or after decompression |
//! | 415 | another content type or encoding |
//! | 503 | no room now, with `Retry-After` |
//!
//! Traces and logs come unasked from applications that send metrics (SAP CAP does): by default they are discarded with success, and counted.
//!
//! Never: a guess about where points belong. What no route takes is refused, and the status page names its service.

mod answer;
mod body;
mod config;
mod head;
mod push;
mod receiver;
mod routes;
mod stats;

pub use config::{Config, Limits, OtherSignals, Route};
pub use receiver::Receiver;
pub use stats::{Snapshot, Stats};
