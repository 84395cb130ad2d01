//! The messages as JSON has them. Every field may be missing or `null`, keys that are not known are passed over.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::number::{Double, TemporalityNumber, Whole};
use crate::otlp::sink::MAX_BUCKETS;

/// Elements of a list that are kept, one more than any rule allows.
const MAX_LIST: usize = 2 * MAX_BUCKETS + 1;

/// Text, borrowed unless it has escapes.
#[derive(Debug, Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// A list of which at most [`MAX_LIST`] elements are kept.
#[derive(Debug)]
pub(super) struct List<T> {
    pub(super) items: Vec<T>,
    pub(super) overflowed: bool,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { items: Vec::new(), overflowed: false }
    }
}

/// The request. What it has instead of `resourceMetrics`, if it has something else, is `foreign`.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) resource_metrics: Option<&'a RawValue>,
    pub(super) foreign: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ResourceMetrics<'a> {
    #[serde(borrow)]
    pub(super) resource: Option<Resource<'a>>,
    #[serde(borrow)]
    pub(super) scope_metrics: Option<&'a RawValue>,
    #[serde(rename = "scope_metrics")]
    pub(super) snake: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Resource<'a> {
    #[serde(borrow)]
    pub(super) attributes: Option<List<KeyValue<'a>>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ScopeMetrics<'a> {
    #[serde(borrow)]
    pub(super) scope: Option<Scope<'a>>,
    #[serde(borrow)]
    pub(super) metrics: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Scope<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metric<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) description: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) unit: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) gauge: Option<Data<'a>>,
    #[serde(borrow)]
    pub(super) sum: Option<Data<'a>>,
    #[serde(borrow)]
    pub(super) histogram: Option<Data<'a>>,
    #[serde(borrow)]
    pub(super) exponential_histogram: Option<Data<'a>>,
    #[serde(borrow)]
    pub(super) summary: Option<Data<'a>>,
}

/// The five kinds of data; those that lack a key here never have it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Data<'a> {
    #[serde(borrow)]
    pub(super) data_points: Option<&'a RawValue>,
    pub(super) aggregation_temporality: Option<TemporalityNumber>,
    pub(super) is_monotonic: Option<bool>,
    #[serde(rename = "data_points")]
    pub(super) snake: Option<IgnoredAny>,
}

/// The four kinds of points in one: no key means two things, and a point is parsed once.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Point<'a> {
    #[serde(borrow)]
    pub(super) attributes: Option<List<KeyValue<'a>>>,
    pub(super) start_time_unix_nano: Option<Whole<u64>>,
    pub(super) time_unix_nano: Option<Whole<u64>>,
    pub(super) flags: Option<Whole<u64>>,
    // A number.
    pub(super) as_double: Option<Double>,
    pub(super) as_int: Option<Whole<i64>>,
    // Histograms and summaries.
    pub(super) count: Option<Whole<u64>>,
    pub(super) sum: Option<Double>,
    pub(super) min: Option<Double>,
    pub(super) max: Option<Double>,
    pub(super) bucket_counts: Option<List<Whole<u64>>>,
    pub(super) explicit_bounds: Option<List<Double>>,
    pub(super) scale: Option<Whole<i32>>,
    pub(super) zero_count: Option<Whole<u64>>,
    pub(super) positive: Option<Buckets>,
    pub(super) negative: Option<Buckets>,
    pub(super) quantile_values: Option<List<Quantile>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Buckets {
    pub(super) offset: Option<Whole<i32>>,
    pub(super) bucket_counts: Option<List<Whole<u64>>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Quantile {
    pub(super) quantile: Option<Double>,
    pub(super) value: Option<Double>,
}

#[derive(Debug, Deserialize)]
pub(super) struct KeyValue<'a> {
    #[serde(borrow)]
    pub(super) key: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) value: Option<AnyValue<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AnyValue<'a> {
    #[serde(borrow)]
    pub(super) string_value: Option<Text<'a>>,
    pub(super) bool_value: Option<bool>,
    pub(super) int_value: Option<Whole<i64>>,
    pub(super) double_value: Option<Double>,
    #[serde(borrow)]
    pub(super) array_value: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) kvlist_value: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) bytes_value: Option<Text<'a>>,
}

/// `ArrayValue` and `KeyValueList`.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(super) struct Values<T> {
    pub(super) values: Option<List<T>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Request<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RequestVisitor(PhantomData))
    }
}

struct RequestVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for RequestVisitor<'a> {
    type Value = Request<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with resourceMetrics")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Request<'a>, A::Error> {
        let (mut found, mut foreign) = (None, None);
        while let Some(Text(key)) = map.next_key::<Text<'de>>()? {
            if key == "resourceMetrics" {
                if found.replace(map.next_value::<Option<&'de RawValue>>()?).is_some() {
                    return Err(A::Error::duplicate_field("resourceMetrics"));
                }
            } else {
                map.next_value::<IgnoredAny>()?;
                foreign.get_or_insert(key);
            }
        }
        // Beside resourceMetrics, other keys may be of a newer version.
        let foreign = foreign.filter(|_| found.is_none());
        Ok(Request { resource_metrics: found.flatten(), foreign })
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor(PhantomData))
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<List<T>, A::Error> {
        let mut list = List::default();
        while list.items.len() < MAX_LIST {
            match elements.next_element()? {
                Some(element) => list.items.push(element),
                None => return Ok(list),
            }
        }
        while elements.next_element::<IgnoredAny>()?.is_some() {
            list.overflowed = true;
        }
        Ok(list)
    }
}

/// Walks the elements of a list that is never held as a whole.
pub(super) struct Elements<F, T>(F, PhantomData<T>);

impl<F, T> Elements<F, T> {
    /// Calls `take` with each element until it says `false`, which ends the walk with an error.
    pub(super) fn walk<'de>(list: &'de RawValue, take: F) -> Result<(), serde_json::Error>
    where
        F: FnMut(T) -> bool,
        T: Deserialize<'de>,
    {
        serde_json::Deserializer::from_str(list.get()).deserialize_seq(Self(take, PhantomData))
    }
}

impl<'de, F: FnMut(T) -> bool, T: Deserialize<'de>> Visitor<'de> for Elements<F, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element()? {
            if !self.0(element) {
                return Err(A::Error::custom("an element was refused"));
            }
        }
        Ok(())
    }
}
