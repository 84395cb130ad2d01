//! A type for each role that a string plays.

use std::fmt;
use std::sync::Arc;

/// The name of a managed service in our configuration, unique in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceName(Arc<str>);

/// The id of a service's object in Landscape Management, a UUID in lower case: the `serviceId` of a push.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceId(Arc<str>);

/// The number of a source in the running configuration: the index of its entry in the condenser's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// How a person finds a source: its service and its name, which is unique within it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceKey {
    /// The service it watches.
    pub service: ServiceName,
    /// Its own name: that of a check, or the target's.
    pub name: Arc<str>,
}

/// A text that is no service id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the id of a Landscape Management object (a UUID such as 0f2c8d1e-…)")]
pub struct BadServiceId(String);

impl ServiceName {
    /// Takes a name as it is; the config checks that it is not empty.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ServiceId {
    /// Checks that it is a UUID; upper case and surrounding blanks, as they come with copying, are put right.
    ///
    /// # Errors
    /// [`BadServiceId`] when it is none.
    pub fn parse(text: &str) -> Result<Self, BadServiceId> {
        let id = text.trim().to_ascii_lowercase();
        let groups: Vec<&str> = id.split('-').collect();
        let lengths_fit = groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]);
        if lengths_fit && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            Ok(Self(id.into()))
        } else {
            Err(BadServiceId(text.to_owned()))
        }
    }

    /// The UUID.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_id_is_a_uuid_in_lower_case() {
        let id = ServiceId::parse(" 0F2C8D1E-0000-4000-8000-0123456789AB ").unwrap();
        assert_eq!(id.as_str(), "0f2c8d1e-0000-4000-8000-0123456789ab");
        for bad in
            ["", "orders", "0f2c8d1e-0000-4000-8000-0123456789a", "0f2c8d1e_0000-4000-8000-0123456789ab", "0f2c…-uuid"]
        {
            assert!(ServiceId::parse(bad).is_err(), "{bad}");
        }
    }
}
