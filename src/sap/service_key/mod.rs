//! The service key of the SAP Cloud ALM API.

mod location;

pub use location::Location;
