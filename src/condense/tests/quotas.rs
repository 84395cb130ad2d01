//! Numbers with a natural maximum.

use super::kit::*;
use crate::condense::*;
use crate::metric::*;

const POD: &[(&str, &str)] = &[("service.name", "o"), ("service.instance.id", "pod-1")];

fn quota(toml: &str) -> Kit {
    Kit::new(pushed(|source| source.rules = rules(toml)))
}

/// *Scenario*: the rule of the product page, on a page of a node exporter. *Guarantees*: the limit is the series with equal labels; what is
/// used is what the limit leaves; the rating follows; all points are accounted for.
#[test]
fn a_filesystem_is_a_quota_of_its_own_size() {
    let mut kit = quota(
        r#"
        [[rule]]
        select = 'node_filesystem_avail_bytes{fstype!="tmpfs"}'
        as = "quota"
        limit = "node_filesystem_size_bytes"
        value = "limit - last"
        name = "system.filesystem.usage"
        labels = ["mountpoint"]
        unit = "bytes"
        warning = "> 80%"
        critical = "> 90%"
        "#,
    );
    let disk = |mount, fstype| [("device", mount), ("fstype", fstype), ("mountpoint", mount)];
    let mut block = Block::new(POD);
    for (mount, fstype, free, size) in
        [("/", "ext4", 5.0, 100.0), ("/data", "xfs", 150.0, 1000.0), ("/run", "tmpfs", 1.0, 2.0)]
    {
        block = block.gauge("node_filesystem_avail_bytes", &disk(mount, fstype), 2, free).gauge(
            "node_filesystem_size_bytes",
            &disk(mount, fstype),
            2,
            size,
        );
    }
    kit.push(2, block);
    let rows = kit.close();
    assert_eq!(
        numbers(&rows),
        [
            "system.filesystem.usage{mountpoint=/data} = 850 of 1000 warning bytes",
            "system.filesystem.usage{mountpoint=/} = 95 of 100 critical bytes",
        ]
    );
    assert_eq!(rows.iter().filter(|row| row.points == 2).count(), 2, "used and limit are both part of the row");
    assert_eq!(
        (kit.fates.merged, kit.fates.dropped(DropReason::NotSelected)),
        (1, 1),
        "the size of tmpfs measures nothing"
    );
}

/// *Guarantees*: a limit that does not change need not be sent again.
#[test]
fn a_limit_stands() {
    let mut kit = quota("[[rule]]\nselect = 'used'\nas = 'quota'\nlimit = 'max'");
    kit.push(2, Block::new(POD).gauge("used", &[], 2, 5.0).gauge("max", &[], 2, 10.0));
    assert_eq!(numbers(&kit.close()), ["used = 5 of 10 ok 1"]);
    kit.push(20, Block::new(POD).gauge("used", &[], 20, 9.5));
    assert_eq!(numbers(&kit.close()), ["used = 9.5 of 10 critical 1"]);
}

/// *Guarantees*: as long as no limit is known, or it says "none", the number goes out as it is.
#[test]
fn without_a_limit_it_is_a_number() {
    let mut kit = quota("[[rule]]\nselect = 'used'\nas = 'quota'\nlimit = 'max'");
    kit.push(2, Block::new(POD).gauge("used", &[], 2, 5.0).gauge("max", &[], 2, -1.0));
    assert_eq!(numbers(&kit.close()), ["used = 5 1"]);
}

/// *Guarantees*: pools of one memory area are added, their limits too, as far as they have any.
#[test]
fn folded_series_and_their_limits_are_added() {
    let mut kit = quota(
        "[[rule]]\nselect = 'used{area=\"heap\"}'\nas = 'quota'\nlimit = 'max{area=\"heap\"}'\nlabels = ['area']",
    );
    let mut block = Block::new(POD);
    for (pool, used, max) in [("eden", 10.0, -1.0), ("old", 60.0, 100.0)] {
        let labels = [("area", "heap"), ("id", pool)];
        block = block.gauge("used", &labels, 2, used).gauge("max", &labels, 2, max);
    }
    kit.push(2, block.gauge("used", &[("area", "nonheap")], 2, 1.0));
    assert_eq!(numbers(&kit.close()), ["used{area=heap} = 70 of 100 ok 1"]);
}

/// *Guarantees*: of several instances the fullest is shown, measured by its own limit.
#[test]
fn the_fullest_instance_is_shown() {
    let mut kit = quota("[[rule]]\nselect = 'used'\nas = 'quota'\nlimit = 'max'");
    for (pod, used, max) in [("1", 50.0, 100.0), ("2", 9.0, 10.0)] {
        kit.push(
            2,
            Block::new(&[("service.name", "o"), ("service.instance.id", pod)]).gauge("used", &[], 2, used).gauge(
                "max",
                &[],
                2,
                max,
            ),
        );
    }
    assert_eq!(numbers(&kit.close()), ["used = 9 of 10 warning 1"]);
}

/// *Guarantees*: a constant measures as well; a rating falls back only when the value clearly did.
#[test]
fn a_rating_is_held_until_the_value_is_clearly_back() {
    let mut kit =
        quota("[[rule]]\nselect = 'used'\nas = 'quota'\nlimit = '100'\nwarning = '> 80%'\ncritical = '> 95%'");
    let mut seen = Vec::new();
    for (step, used) in [79.0, 81.0, 79.0, 77.0].into_iter().enumerate() {
        let time = 2 + step as u64 * 60;
        kit.push(time, Block::new(POD).gauge("used", &[], time, used));
        seen.extend(kit.close().into_iter().filter_map(|row| match row.body {
            Body::Quota { rating, .. } => Some(rating),
            _ => None,
        }));
    }
    assert_eq!(seen, [Rating::Ok, Rating::Warning, Rating::Warning, Rating::Ok]);
}

/// *Guarantees*: a quota is no alarm during maintenance.
#[test]
fn maintenance_covers_quotas() {
    let mut kit = quota("[[rule]]\nselect = 'used'\nas = 'quota'\nlimit = '100'");
    kit.condenser.mute(&ServiceName::new("orders"), at(100), "", at(1));
    kit.push(2, Block::new(POD).gauge("used", &[], 2, 99.0));
    assert_eq!(numbers(&kit.close()), ["used = 99 of 100 info 1"]);
}

/// *Guarantees*: a status may be measured in percent of a limit.
#[test]
fn a_status_in_percent_of_a_limit() {
    let mut kit = Kit::new(pushed(|source| {
        source.rules = rules(
            "[[rule]]\nselect = 'used'\nas = 'status'\nlimit = 'max'\nname = 'Pool'\ncritical = '> 90%'\ntext = '{value} of {limit} are taken'",
        );
        source.status.confirm = Confirm { bad: 1, of: 1 };
    }));
    kit.push(2, Block::new(POD).gauge("used", &[], 2, 19.0).gauge("max", &[], 2, 20.0));
    assert_eq!(status(&kit.close(), "Pool"), [(Rating::Critical, "19 of 20 are taken".to_owned())]);
}
