//! Files that are generated from the catalogue: the JSON schema and the reference.

mod reference;
mod schema;

pub use reference::reference;
pub use schema::schema;
