//! What a push says, whichever encoding it came in.
//!
//! Owns the shape between the two decoders and the consumer. Keeps what a client sent, also what will be refused: a sum stays a sum here, an
//! integer an integer, so that the consumer can say what is wrong.

/// One attribute, its value as text.
pub(crate) type Attribute = (String, String);

/// A request's content.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Push {
    /// All metrics of all resources and scopes, in the order in which they came.
    pub(crate) metrics: Vec<Metric>,
}

impl Push {
    /// Data points of every kind.
    pub(crate) fn points(&self) -> usize {
        self.metrics.iter().map(|metric| metric.data.points()).sum()
    }
}

/// One metric.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Metric {
    /// Its name.
    pub(crate) name: String,
    /// Its description; the text of a status.
    pub(crate) description: String,
    /// Its unit.
    pub(crate) unit: String,
    /// The attributes of its resource.
    pub(crate) resource: Vec<Attribute>,
    /// Its points.
    pub(crate) data: Data,
}

/// The points of a metric.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    /// The one kind that Health Monitoring takes.
    Gauge(Vec<Point>),
    /// Any other kind: its name and how many points it has.
    Other(&'static str, usize),
    /// No data at all.
    Missing,
}

impl Data {
    fn points(&self) -> usize {
        match self {
            Self::Gauge(points) => points.len(),
            Self::Other(_, points) => *points,
            Self::Missing => 0,
        }
    }
}

/// The value of a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    /// `asDouble`.
    Double(f64),
    /// `asInt`.
    Int(i64),
    /// Neither.
    Missing,
}

/// One point of a gauge.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Point {
    /// Nanoseconds since the epoch; 0 when none was given.
    pub(crate) time: u64,
    /// Its value.
    pub(crate) value: Number,
    /// Its attributes.
    pub(crate) attributes: Vec<Attribute>,
}

impl Point {
    /// The value of an attribute.
    pub(crate) fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}
