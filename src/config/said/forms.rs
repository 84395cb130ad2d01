//! Values with a text form of their own.

use std::net::SocketAddr;
use std::ops::RangeInclusive;

use super::leaf::Form;
use super::node::{Node, Value};
use super::reader::Reader;
use super::shape::Shape;
use super::slot::Leaf;
use crate::condense::{Confirm, Maintenance};
use crate::config::maintenance;
use crate::metric::{Rating, ServiceId};

impl Form for ServiceId {
    const WHAT: &'static str = "the id of an object in Landscape Management (a UUID)";
    const EXAMPLE: &'static str = "0f2c8d1e-0000-4000-8000-0123456789ab";

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|_| String::new())
    }
}

impl Form for SocketAddr {
    const WHAT: &'static str = "an address to listen on";
    const EXAMPLE: &'static str = "127.0.0.1:4318";

    fn parse(text: &str) -> Result<Self, String> {
        let local = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
        local.as_deref().unwrap_or(text).parse().map_err(|_| "it is an IP address and a port".to_owned())
    }
}

impl Form for Rating {
    const WHAT: &'static str = "a rating";
    const EXAMPLE: &'static str = "warning";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "ratings are info, ok, warning, critical and fatal".to_owned())
    }
}

/// The longest memory of a confirmation.
const MAX_CONFIRM: u8 = 10;

impl Form for Confirm {
    const WHAT: &'static str = "a confirmation";
    const EXAMPLE: &'static str = "2 of 3";

    fn parse(text: &str) -> Result<Self, String> {
        let (bad, of) = text.split_once(" of ").ok_or_else(String::new)?;
        let (Ok(bad), Ok(of)) = (bad.trim().parse(), of.trim().parse()) else { return Err(String::new()) };
        if bad == 0 || bad > of || of > MAX_CONFIRM {
            return Err(format!(
                "it takes at least 1 bad probe, and at most as many as are looked at (up to {MAX_CONFIRM})"
            ));
        }
        Ok(Self { bad, of })
    }
}

impl Form for Maintenance {
    const WHAT: &'static str = "a maintenance window";
    const EXAMPLE: &'static str = "Sun 02:00-04:00 Europe/Berlin";

    fn parse(text: &str) -> Result<Self, String> {
        maintenance::parse(text)
    }
}

/// The pointer of RFC 6901.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonPointer(pub(crate) String);

impl Form for JsonPointer {
    const WHAT: &'static str = "a JSON pointer";
    const EXAMPLE: &'static str = "/status/word";

    fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with('/') { Ok(Self(text.to_owned())) } else { Err("it begins with a slash".to_owned()) }
    }
}

/// Status codes of HTTP: `200`, or a range such as `"200-399"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StatusCodes(pub(crate) RangeInclusive<u16>);

struct CodeRange(RangeInclusive<u16>);

impl Form for CodeRange {
    const WHAT: &'static str = "a range of HTTP status codes";
    const EXAMPLE: &'static str = "200-399";

    fn parse(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (Ok(first), Ok(last)) = (first.trim().parse::<u16>(), last.trim().parse::<u16>()) else {
            return Err(String::new());
        };
        if first < 100 || last > 599 || first > last {
            return Err("codes go from 100 to 599".to_owned());
        }
        Ok(Self(first..=last))
    }
}

impl Leaf for StatusCodes {
    fn shape() -> Shape {
        Shape::Either(vec![Shape::Whole { min: 100, max: 599 }, Shape::Text { what: CodeRange::WHAT }])
    }

    fn read(node: Node, reader: &mut Reader<'_>) -> Option<Self> {
        let node = match node.value {
            Value::Integer(code) => Node { value: Value::Text(code.to_string()), ..node },
            _ => node,
        };
        CodeRange::read(node, reader).map(|CodeRange(codes)| Self(codes))
    }
}
