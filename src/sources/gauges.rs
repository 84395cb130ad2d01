//! The few numbers that our own probes measure, as a block of points.

use crate::clock::Timestamp;
use crate::metric::{
    AttributeWriter, Metric, MetricKind, Point, Points, PointsBuilder, Resource, SourceId, Span, Value,
};

/// The instrumentation scope of what the agent measures itself.
pub(super) const SCOPE: &str = "calm-agent";

/// Attribute names and values; empty values are left out.
pub(super) type Pairs<'a> = &'a [(&'a str, &'a str)];

/// Builds a complete block of gauges of one source, all of one moment.
#[derive(Debug)]
pub(super) struct Gauges {
    builder: PointsBuilder,
    scope: Span,
    last: Option<(Span, u32)>,
    time: Timestamp,
}

impl Gauges {
    pub(super) fn new(source: SourceId, resource: Pairs<'_>, time: Timestamp) -> Self {
        let mut builder = PointsBuilder::new();
        let attributes = write(&mut builder, resource);
        builder.resource(Resource { attributes, source: Some(source) });
        let scope = builder.write(SCOPE.as_bytes());
        builder.complete();
        Self { builder, scope, last: None, time }
    }

    /// Adds a value. Values of one metric come one after the other.
    pub(super) fn add(&mut self, name: &str, unit: &str, attributes: Pairs<'_>, value: f64) {
        let metric = match self.last {
            Some((last, index)) if self.builder.bytes(last) == name.as_bytes() => index,
            _ => self.metric(name, unit),
        };
        let attributes = write(&mut self.builder, attributes);
        let value = Value::Number(value);
        self.builder.point(Point { metric, attributes, start: Timestamp::UNSET, time: self.time, value });
    }

    pub(super) fn finish(self) -> Box<Points> {
        Box::new(self.builder.finish())
    }

    fn metric(&mut self, name: &str, unit: &str) -> u32 {
        let name = self.builder.write(name.as_bytes());
        let unit = self.builder.write(unit.as_bytes());
        let (scope, kind) = (self.scope, MetricKind::Gauge);
        let index = self.builder.metric(Metric { resource: 0, scope, name, unit, description: Span::default(), kind });
        self.last = Some((name, index));
        index
    }
}

fn write(builder: &mut PointsBuilder, pairs: Pairs<'_>) -> Span {
    builder.write_with(|out| {
        let mut writer = AttributeWriter::new(out);
        for (key, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
            writer.text(key, value);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::lines;
    use super::*;

    #[test]
    fn values_of_one_metric_share_it() {
        let mut gauges = Gauges::new(SourceId(3), &[("host.name", "h")], Timestamp(9));
        gauges.add("a", "By", &[("k", "1"), ("empty", "")], 1.5);
        gauges.add("a", "By", &[("k", "2")], 2.0);
        gauges.add("b", "1", &[], 0.0);
        let points = gauges.finish();
        assert_eq!(lines(&points), ["a{k=1} By 1.5", "a{k=2} By 2", "b{} 1 0"]);
        assert_eq!((points.metrics().len(), points.is_complete()), (2, true));
        assert_eq!(points.source(&points.points()[0]), Some(SourceId(3)));
        assert_eq!(points.attributes(points.resources()[0].attributes).text("host.name"), Some("h"));
    }
}
