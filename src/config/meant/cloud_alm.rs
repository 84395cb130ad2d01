//! Where the service key is, and how data is delivered.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::condense::Identity;
use crate::config::catalogue::CloudAlmSaid;
use crate::config::problem::Place;
use crate::config::said::Reader;
use crate::deliver;
use crate::http::ClientConfig;
use crate::sap::service_key::Location;
use crate::secret::Secret;

/// The first window after a start is short, so that something is seen soon.
pub(super) const FIRST_WINDOW: Duration = Duration::from_secs(15);

/// Where setup writes the key when no place is named.
const DEFAULT_KEY_FILE: &str = "service-key.json";

/// Where the key is, and where setup may write it. None when that was reported as wrong.
pub(super) fn service_key(
    said: &CloudAlmSaid,
    has_setup: bool,
    reader: &mut Reader<'_>,
) -> Option<(Option<Location>, Option<PathBuf>)> {
    let vcap = said.vcap_services.place.as_ref().filter(|_| said.vcap_services.value != Some(false));
    let places: Vec<(&str, &Place)> = [
        ("service_key_file", said.service_key_file.place.as_ref()),
        ("service_key_env", said.service_key_env.place.as_ref()),
        ("vcap_services", vcap),
        ("service_key_dir", said.service_key_dir.place.as_ref()),
        ("systemd_credential", said.systemd_credential.place.as_ref()),
    ]
    .into_iter()
    .filter_map(|(key, place)| Some((key, place?)))
    .collect();
    match places[..] {
        [] if has_setup => return Some((None, Some(reader.path(DEFAULT_KEY_FILE)))),
        [] => {
            let hint =
                "add service_key_file = \"service-key.json\" to [cloud_alm], or a [setup] table that makes a key";
            let place = if said.place == Place::Default { &Place::START } else { &said.place };
            reader.error(place, "no place of the service key is named", hint);
        }
        [_] => return location(said, reader),
        [(first, _), ref more @ ..] => {
            for (key, place) in more {
                let message = format!("`{key}` is a second place of the service key beside `{first}`");
                reader.error(place, message, "keep exactly one of them");
            }
        }
    }
    None
}

fn location(said: &CloudAlmSaid, reader: &mut Reader<'_>) -> Option<(Option<Location>, Option<PathBuf>)> {
    if let Some(path) = &said.service_key_file.value {
        return Some((Some(Location::File(path.0.clone())), Some(path.0.clone())));
    }
    if let Some(path) = &said.service_key_dir.value {
        return Some((Some(Location::Directory(path.0.clone())), None));
    }
    if let (Some(name), Some(place)) = (&said.service_key_env.value, &said.service_key_env.place) {
        let text = reader.credential(name, "holds the service key", place)?;
        return Some((Some(Location::Environment { name: name.clone(), text: Secret::new(text) }), None));
    }
    if let (Some(true), Some(place)) = (said.vcap_services.value, &said.vcap_services.place) {
        let text = reader.credential("VCAP_SERVICES", "Cloud Foundry gives to applications", place)?;
        return Some((Some(Location::VcapServices(Secret::new(text))), None));
    }
    let (name, place) = (said.systemd_credential.value.as_ref()?, said.systemd_credential.place.as_ref()?);
    if name.contains('/') || name == ".." {
        let message = "`systemd_credential` is a name, not a path";
        reader.error(place, message, "write the name of LoadCredential= in the unit");
        return None;
    }
    let given = "systemd gives to units with LoadCredential=";
    let folder = reader.credential("CREDENTIALS_DIRECTORY", given, place)?;
    Some((Some(Location::SystemdCredential(Path::new(&folder).join(name))), None))
}

/// Query parameters of ours that have a key, or are found out.
const OWN_PARAMETERS: [&str; 3] = ["useCase", "serviceId", "dev"];

fn own_parameters(said: &CloudAlmSaid, reader: &mut Reader<'_>) {
    let (Some(pairs), Some(place)) = (&said.extra_query.value, &said.extra_query.place) else { return };
    for (name, _) in pairs.0.iter().filter(|(name, _)| OWN_PARAMETERS.contains(&name.as_str())) {
        let message = format!("`extra_query`: the agent sets {name} itself");
        reader.error(place, message, "take it out; use_case, service_id and dev are keys of their own");
    }
}

/// Delivery.
pub(super) fn deliver(said: &CloudAlmSaid, queue_max_bytes: u64, reader: &mut Reader<'_>) -> deliver::Config {
    let (max_age, push_interval) = (said.max_age.value.0, said.push_interval.value.0);
    if max_age < push_interval {
        let place = if said.max_age.place == Place::Default { &said.push_interval.place } else { &said.max_age.place };
        let message = "`max_age` is shorter than `push_interval`: data would be too old before it is sent";
        reader.error(place, message, "make push_interval shorter, or max_age longer");
    }
    if !said.metrics_path.value.starts_with('/') {
        let message = "`metrics_path` does not begin with a slash";
        reader.error(&said.metrics_path.place, message, "write for example \"/calm-metrics/v1/metrics\"");
    }
    own_parameters(said, reader);
    if said.dev.value {
        reader.warn(
            &said.dev.place,
            "`dev = true` is for trials: it has another request limit",
            "take it out for production",
        );
    }
    deliver::Config {
        use_case: said.use_case.value.clone(),
        metrics_path: said.metrics_path.value.clone(),
        extra_query: said.extra_query.value.clone().map(|pairs| pairs.0).unwrap_or_default(),
        dev: said.dev.value,
        encoding: said.encoding.value.0,
        compression: said.compression.value.0,
        max_request_bytes: usize::try_from(said.max_request_bytes.value.0).unwrap_or(usize::MAX),
        max_points_per_request: usize::try_from(said.max_points_per_request.value.0).unwrap_or(usize::MAX),
        requests_per_minute: u32::try_from(said.requests_per_minute.value.0).unwrap_or(u32::MAX),
        max_age,
        backfill: said.backfill.value,
        fold_labels: said.identity.value.0 == Identity::Name,
        queue_max_bytes,
        http: ClientConfig {
            timeout: said.timeout.value.0,
            ca_file: said.ca_file.value.clone().map(|path| path.0),
            proxy: said.proxy.value.clone().map(|link| link.0),
            client_certificate: None,
        },
    }
}
