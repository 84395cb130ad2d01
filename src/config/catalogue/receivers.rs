//! `[receivers]`.

use std::net::SocketAddr;

use super::{GuardSaid, MeaningSaid};
use crate::config::said::{
    Choice, Flat, Leaf, Needed, Node, OneOrMany, Pairs, Preset, Reader, Said, Shape, Shown, Size, Whole, Words, table,
};
use crate::sources::otlp::OtherSignals;

impl Words for OtherSignals {
    const WORDS: &'static [(&'static str, Self)] = &[("discard", Self::Discard), ("refuse", Self::Refuse)];
}

table! {
    /// What applications push.
    ReceiversSaid {
        /// The OTLP receiver. It exists only with its address.
        otlp: Shown<OtlpSaid> = "";
    }
}

table! {
    /// Bounds of a push.
    LimitsSaid {
        /// Bytes of a body as it comes.
        max_wire_bytes: Preset<Size<1_024, 1_073_741_824>> = "4MiB";
        /// Bytes of a body after decompression.
        max_body_bytes: Preset<Size<1_024, 1_073_741_824>> = "16MiB";
        /// Points of a request; those beyond are refused by partial success.
        max_points: Preset<Whole<1, 1_000_000>> = "20000";
        /// Attributes of a point.
        max_attributes: Preset<Whole<1, 1_024>> = "64";
        /// Requests in work at the same time.
        max_requests: Preset<Whole<1, 1_024>> = "16";
        /// Connections at the same time.
        max_connections: Preset<Whole<1, 65_536>> = "256";
    }
}

table! {
    /// The OTLP receiver.
    OtlpSaid {
        /// Address of OTLP/HTTP.
        http: Needed<SocketAddr> = "127.0.0.1:4318";
        /// Address of OTLP/gRPC. Not yet supported in this version.
        grpc: Said<GrpcSaid> = "127.0.0.1:4317";
        /// What traces and logs that come unasked are answered: "discard" (success, counted) or "refuse" (404).
        other_signals: Preset<Choice<OtherSignals>> = "discard";
        /// What guards it.
        guard: Flat<GuardSaid> = "";
        /// Bounds of a push.
        limits: Flat<LimitsSaid> = "";
        /// Which resource belongs to which service; the first match wins. A push without a route is refused and counted, never guessed.
        route: Shown<Vec<RouteSaid>> = "";
    }
}

/// A key that is known and refused.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GrpcSaid;

impl Leaf for GrpcSaid {
    fn shape() -> Shape {
        Shape::Later
    }

    fn read(node: Node, reader: &mut Reader<'_>) -> Option<Self> {
        let hint =
            "take it out and let senders use OTLP/HTTP: OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, customary port 4318";
        reader.error(&node.place, "`grpc` is not yet supported in this version", hint);
        Some(Self)
    }
}

/// What must hold for a resource.
pub(crate) type MatchSaid = Pairs<OneOrMany<String>>;

table! {
    /// One route.
    RouteSaid {
        /// Its name. Default: "otlp", "otlp-2" and so on.
        name: Said<String> = "web shop";
        /// Resource attributes and the globs they must match (`*` any characters, `?` one; a list: any of them). All must hold; without it everything matches.
        r#match: Shown<MatchSaid> = "{ \"service.name\" = \"orders-*\" }";
        /// The name of the service it goes to.
        service: Needed<String> = "orders";
        /// What its numbers mean.
        meaning: Flat<MeaningSaid> = "";
    }
}
