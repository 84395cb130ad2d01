//! Canonical attributes: sorted by key, a key once.

use std::borrow::Cow;
use std::sync::Arc;

use crate::metric::{AttributeValue, AttributeWriter, Attributes, Labels, Malformed};

/// Writes the canonical form of attributes to `out`, which is cleared first. Of a key that is there twice the last value counts, as in a map.
pub(super) fn canonical(attributes: Attributes<'_>, out: &mut Vec<u8>) -> Result<(), Malformed> {
    out.clear();
    let mut pairs = attributes.iter().collect::<Result<Vec<(&str, AttributeValue<'_>)>, _>>()?;
    pairs.sort_by_key(|(key, _)| *key);
    let mut writer = AttributeWriter::new(out);
    for (index, (key, value)) in pairs.iter().enumerate() {
        let repeated = pairs.get(index + 1).is_some_and(|(next, _)| next == key);
        if !repeated {
            writer.value(key, *value);
        }
    }
    Ok(())
}

/// The most characters of a label's value; a longer one is cut, since nobody reads it and no request could carry it.
const MAX_LABEL_CHARS: usize = 1_024;

/// The attributes as labels: those that are wanted, without empty values, sorted by key when the attributes are canonical.
pub(crate) fn labels_of(attributes: Attributes<'_>, wanted: impl Fn(&str) -> bool) -> Labels {
    attributes
        .iter()
        .map_while(Result::ok)
        .filter(|(key, _)| wanted(key))
        .filter_map(|(key, value)| {
            let text = value.to_text();
            let end = text.char_indices().nth(MAX_LABEL_CHARS).map_or(text.len(), |(at, _)| at);
            (!text.is_empty()).then(|| (Arc::from(key), Arc::from(&text[..end])))
        })
        .collect()
}

/// The value of an attribute as text.
pub(crate) fn text_of<'a>(attributes: Attributes<'a>, key: &str) -> Option<Cow<'a, str>> {
    attributes.iter().map_while(Result::ok).find(|(name, _)| *name == key).map(|(_, value)| value.to_text())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(pairs: &[(String, i64)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = AttributeWriter::new(&mut bytes);
        for (key, value) in pairs {
            writer.value(key, AttributeValue::Int(*value));
        }
        bytes
    }

    #[test]
    fn labels_leave_out_what_is_empty_or_not_wanted() {
        let mut bytes = Vec::new();
        let mut writer = AttributeWriter::new(&mut bytes);
        writer.text("a", "1");
        writer.text("sap.tenancy.tenant_id", "");
        writer.value("code", AttributeValue::Int(500));
        writer.text("secret", "x");
        let labels = labels_of(Attributes::new(&bytes), |key| key != "secret");
        let pairs: Vec<_> = labels.iter().map(|(key, value)| (key.as_ref(), value.as_ref())).collect();
        assert_eq!(pairs, [("a", "1"), ("code", "500")]);
        assert_eq!(text_of(Attributes::new(&bytes), "code").as_deref(), Some("500"));
    }

    #[test]
    fn a_label_is_cut_where_nobody_reads_on() {
        let mut bytes = Vec::new();
        AttributeWriter::new(&mut bytes).text("a", &"ä".repeat(5000));
        assert_eq!(labels_of(Attributes::new(&bytes), |_| true)[0].1.chars().count(), MAX_LABEL_CHARS);
    }

    #[test]
    fn broken_attributes_are_refused() {
        assert!(canonical(Attributes::new(&[0x0a, 9, 1]), &mut Vec::new()).is_err());
    }

    proptest! {
        #[test]
        fn the_order_does_not_matter(
            pairs in prop::collection::btree_map("[a-z]{0,4}", any::<i64>(), 0..8).prop_map(|map| map.into_iter().collect::<Vec<_>>()),
            seed: u64
        ) {
            let mut shuffled = pairs.clone();
            fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
            let (mut first, mut second) = (Vec::new(), Vec::new());
            canonical(Attributes::new(&written(&pairs)), &mut first).unwrap();
            canonical(Attributes::new(&written(&shuffled)), &mut second).unwrap();
            prop_assert_eq!(first, second);
        }
    }
}
