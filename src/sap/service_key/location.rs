//! Where the key comes from.

use std::path::PathBuf;

use crate::secret::Secret;

/// The place of the service key, as the configuration says it.
#[derive(Debug, Clone, PartialEq)]
pub enum Location {
    /// A file of the operator, in any wrapper; mode 0600 is asked for.
    File(PathBuf),
    /// An environment variable that holds the key, in any wrapper; read with the configuration, so that a change needs a restart.
    Environment {
        /// Its name, for messages.
        name: String,
        /// What it holds.
        text: Secret,
    },
    /// The application's bindings on Cloud Foundry (`VCAP_SERVICES`); the service offering is found by its name.
    VcapServices(Secret),
    /// A mounted folder, one file a key (servicebinding.io), or one file with the whole JSON.
    Directory(PathBuf),
    /// A systemd credential: a file in `$CREDENTIALS_DIRECTORY`, which cannot change while the service runs.
    SystemdCredential(PathBuf),
}
