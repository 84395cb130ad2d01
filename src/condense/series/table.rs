//! The resources, metrics and series that are known, and how a point finds its own.

use std::sync::Arc;

use super::alias::Aliases;
use super::identity::{canonical, labels_of, text_of};
use super::{Keyed, Target};
use crate::clock::Timestamp;
use crate::condense::plan::MetricPlan;
use crate::condense::rules::Glob;
use crate::condense::values::State;
use crate::metric::{Attributes, Labels, Malformed, Metric, MetricKind, Points, Temporality};

/// A resource of a source.
#[derive(Debug)]
pub(crate) struct ResourceContext {
    /// The source it was routed to.
    pub(crate) source: u32,
    /// Those of its attributes that go out.
    pub(crate) labels: Labels,
    /// What all instances of one service have in common; instances that agree on it are combined.
    pub(crate) group: Labels,
    /// What the sender calls itself, or nothing.
    pub(crate) sender: Arc<str>,
    /// When it was last heard of.
    pub(crate) seen: Timestamp,
    metrics: u32,
}

/// A metric of a resource and scope.
#[derive(Debug)]
pub(crate) struct MetricContext {
    pub(crate) resource: u32,
    pub(crate) source: u32,
    pub(crate) name: Arc<str>,
    pub(crate) unit: Arc<str>,
    pub(crate) kind: MetricKind,
    /// What is made of it.
    pub(crate) plan: MetricPlan,
    /// When it was last heard of.
    pub(crate) seen: Timestamp,
    /// A number of its own that is never used again, as the parent of aliases.
    pub(crate) number: u32,
    series: u32,
}

/// One series.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) state: State,
    /// When a point of it last came in.
    pub(crate) seen: Timestamp,
    /// Accepted points in the open window.
    pub(crate) points: u32,
    /// The last complete block it was in.
    pub(crate) block: u32,
    pub(crate) metric: u32,
    pub(crate) resource: u32,
    pub(crate) source: u32,
    /// Whether a row of the closing window stands for it.
    pub(crate) represented: bool,
    /// Whether a status is read from each of its points.
    pub(crate) watched: bool,
    pub(crate) ended: bool,
    /// Bytes of its state that are charged.
    pub(crate) heap: u32,
    /// The rows it is part of.
    pub(crate) rows: Vec<u32>,
}

/// See the module's text.
#[derive(Debug)]
pub(crate) struct SeriesTable {
    pub(crate) resources: Keyed<ResourceContext>,
    pub(crate) metrics: Keyed<MetricContext>,
    pub(crate) series: Keyed<Series>,
    aliases: Aliases,
    resource_aliases: Aliases,
    metric_numbers: u32,
    scratch: Vec<u8>,
    bytes: usize,
}

/// The share of the bound on state that aliases may take: a quarter, plus as little for resources.
const ALIAS_SHARE: usize = 4;
const RESOURCE_ALIAS_SHARE: usize = 64;

impl SeriesTable {
    /// With aliases in proportion to the bound on all state.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            resources: Keyed::default(),
            metrics: Keyed::default(),
            series: Keyed::default(),
            aliases: Aliases::new(max_bytes / ALIAS_SHARE),
            resource_aliases: Aliases::new(max_bytes / RESOURCE_ALIAS_SHARE),
            metric_numbers: 0,
            scratch: Vec::new(),
            bytes: 0,
        }
    }

    /// About how many bytes everything takes.
    pub(crate) const fn used_bytes(&self) -> usize {
        self.bytes + self.aliases.used_bytes() + self.resource_aliases.used_bytes()
    }

    /// Charges bytes that are kept elsewhere on behalf of series, such as rows, to this table's account.
    pub(crate) const fn charge(&mut self, bytes: usize) {
        self.bytes += bytes;
    }

    /// Gives charged bytes back.
    pub(crate) const fn release(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// What raw attribute bytes stood for under a metric, if it is known.
    #[inline]
    pub(crate) fn alias(&mut self, metric_number: u32, attributes: &[u8]) -> Option<Target> {
        self.aliases.find(metric_number, attributes)
    }

    /// Remembers what raw attribute bytes stand for.
    pub(crate) fn set_alias(&mut self, metric_number: u32, attributes: &[u8], target: Target) {
        self.aliases.insert(metric_number, attributes, target);
    }

    /// Forgets all aliases, after which every series is found anew.
    pub(crate) fn clear_aliases(&mut self) {
        self.aliases.clear();
        self.resource_aliases.clear();
    }

    /// The resource with these attributes; `make` builds one that is new, or does not when there is no room for it.
    pub(crate) fn resource(
        &mut self,
        source: u32,
        attributes: Attributes<'_>,
        make: impl FnOnce(Attributes<'_>) -> Option<ResourceContext>,
    ) -> Result<Option<u32>, Malformed> {
        if let Some(target) = self.resource_aliases.find(source, attributes.as_bytes())
            && self.resources.is_current(target)
        {
            return Ok(Some(target.slot));
        }
        canonical(attributes, &mut self.scratch)?;
        let target = match self.resources.find(source, &self.scratch) {
            Some(target) => target,
            None => {
                let Some(resource) = make(Attributes::new(&self.scratch)) else { return Ok(None) };
                self.bytes += self.scratch.len() + CONTEXT_BYTES;
                self.resources.insert(source, &self.scratch, resource)
            }
        };
        self.resource_aliases.insert(source, attributes.as_bytes(), target);
        Ok(Some(target.slot))
    }

    /// The metric of a resource, if it is known.
    pub(crate) fn find_metric(&mut self, resource: u32, metric: &Metric, points: &Points) -> Option<u32> {
        metric_key(metric, points, &mut self.scratch);
        Some(self.metrics.find(resource, &self.scratch)?.slot)
    }

    /// Adds a metric that is not known.
    pub(crate) fn add_metric(
        &mut self,
        resource: u32,
        metric: &Metric,
        points: &Points,
        plan: MetricPlan,
    ) -> Option<u32> {
        metric_key(metric, points, &mut self.scratch);
        let owner = self.resources.get_mut(resource)?;
        owner.metrics += 1;
        let context = MetricContext {
            resource,
            source: owner.source,
            name: points.text(metric.name).into(),
            unit: points.text(metric.unit).into(),
            kind: metric.kind,
            plan,
            seen: Timestamp::UNSET,
            number: self.metric_numbers,
            series: 0,
        };
        self.metric_numbers = self.metric_numbers.wrapping_add(1);
        self.bytes += self.scratch.len() + CONTEXT_BYTES;
        Some(self.metrics.insert(resource, &self.scratch, context).slot)
    }

    /// The series of a metric with these attributes, by its canonical identity, which is left in the scratch buffer.
    pub(crate) fn find_series(&mut self, metric: u32, attributes: Attributes<'_>) -> Result<Option<Target>, Malformed> {
        canonical(attributes, &mut self.scratch)?;
        Ok(self.series.find(metric, &self.scratch))
    }

    /// The canonical attributes that [`Self::find_series`] looked for.
    pub(crate) const fn sought(&self) -> Attributes<'_> {
        Attributes::new(self.scratch.as_slice())
    }

    /// Adds the series that [`Self::find_series`] looked for and did not find.
    pub(crate) fn add_series(&mut self, metric: u32, state: State) -> Option<Target> {
        let context = self.metrics.get_mut(metric)?;
        context.series += 1;
        let series = Series {
            state,
            seen: Timestamp::UNSET,
            points: 0,
            block: 0,
            metric,
            resource: context.resource,
            source: context.source,
            represented: false,
            watched: false,
            ended: false,
            heap: 0,
            rows: Vec::new(),
        };
        self.bytes += self.scratch.len() + SERIES_BYTES;
        Some(self.series.insert(metric, &self.scratch, series))
    }

    /// The attributes of a series.
    pub(crate) fn attributes(&self, series: u32) -> Attributes<'_> {
        Attributes::new(self.series.key(series))
    }

    /// Forgets a series.
    pub(crate) fn remove_series(&mut self, slot: u32) -> Option<Series> {
        let key = self.series.key(slot).len();
        let series = self.series.remove(slot)?;
        self.release(key + SERIES_BYTES + series.heap as usize);
        if let Some(metric) = self.metrics.get_mut(series.metric) {
            metric.series -= 1;
        }
        Some(series)
    }

    /// Brings the account of what series hold up to date: histograms grow with their first points.
    pub(crate) fn recount(&mut self) {
        for (_, series) in self.series.iter_mut() {
            let heap = u32::try_from(series.state.heap_bytes()).unwrap_or(u32::MAX);
            self.bytes = self.bytes.saturating_sub(series.heap as usize) + heap as usize;
            series.heap = heap;
        }
    }

    /// Forgets metrics and resources that have no series and were last heard of before `before`.
    pub(crate) fn sweep(&mut self, before: Timestamp) {
        let idle = |series: u32, seen: Timestamp| series == 0 && seen < before;
        let metrics: Vec<u32> =
            self.metrics.iter().filter(|(_, metric)| idle(metric.series, metric.seen)).map(|(slot, _)| slot).collect();
        for slot in metrics {
            let key = self.metrics.key(slot).len();
            if let Some(metric) = self.metrics.remove(slot) {
                self.release(key + CONTEXT_BYTES);
                if let Some(resource) = self.resources.get_mut(metric.resource) {
                    resource.metrics -= 1;
                }
            }
        }
        let resources: Vec<u32> = self
            .resources
            .iter()
            .filter(|(_, resource)| idle(resource.metrics, resource.seen))
            .map(|(slot, _)| slot)
            .collect();
        for slot in resources {
            let key = self.resources.key(slot).len();
            self.resources.remove(slot);
            self.release(key + CONTEXT_BYTES);
        }
    }
}

impl ResourceContext {
    /// A resource with these attributes that has no metrics yet. `outgoing`: which attributes go out.
    pub(crate) fn of(source: u32, attributes: Attributes<'_>, outgoing: &[Glob]) -> Self {
        let labels = labels_of(attributes, |key| outgoing.iter().any(|label| label.matches(key)));
        let identifies = |key: &str| matches!(key, "service.name" | "service.namespace" | "cloudfoundry.app.id");
        let name = text_of(attributes, "service.name").unwrap_or_default();
        // Who does not say which service it belongs to is an instance of nothing: it stays on its own.
        let group = if name.is_empty() { labels.clone() } else { labels_of(attributes, identifies) };
        Self { source, labels, group, sender: name.as_ref().into(), seen: Timestamp::UNSET, metrics: 0 }
    }

    /// Takes over what another one says of the same attributes.
    pub(crate) fn describe(&mut self, other: Self) {
        (self.labels, self.group, self.sender) = (other.labels, other.group, other.sender);
    }
}

/// What a series takes beside its key: its slot, its share of the index, and its place in a row.
const SERIES_BYTES: usize = size_of::<Series>() + 64;
/// What a resource or a metric takes beside its key, labels and plan included.
const CONTEXT_BYTES: usize = size_of::<MetricContext>() + 192;

/// Scope, name, unit and kind as one string of bytes.
fn metric_key(metric: &Metric, points: &Points, out: &mut Vec<u8>) {
    out.clear();
    let temporal = |temporality| u8::from(temporality == Temporality::Delta);
    out.push(match metric.kind {
        MetricKind::Gauge => 0,
        MetricKind::Sum { monotonic, temporality } => 2 | temporal(temporality) | u8::from(monotonic) << 2,
        MetricKind::Histogram(temporality) => 8 | temporal(temporality),
        MetricKind::Exponential(temporality) => 16 | temporal(temporality),
        MetricKind::Summary => 32,
    });
    for span in [metric.scope, metric.name, metric.unit] {
        out.extend(span.len.to_le_bytes());
        out.extend_from_slice(points.bytes(span));
    }
}
