//! The OTLP receiver and its routes.

use super::reach;
use super::services::{Assembled, must_exist};
use super::sources::{meaning, rated_rules, recipes, usize_of};
use crate::condense::{Recipes, SourceKind};
use crate::config::catalogue::{OtlpSaid, Root, RouteSaid};
use crate::config::said::Reader;
use crate::metric::{ServiceName, SourceKey};
use crate::sources::otlp;

/// The receiver with its routes; each route is a source of its own.
pub(super) fn otlp(root: &Root, (assembled, known_recipes): (&mut Assembled, &[String]), reader: &mut Reader<'_>) {
    let Some(said) = &root.receivers.value.otlp.value else { return };
    let mut routes = Vec::new();
    for route in said.route.value.iter().flatten() {
        if let (Some(service), place) = (route.service.value.as_deref(), &route.service.place) {
            must_exist("service", (service, place), root, reader);
        }
        routes.extend(self::route(route, (&mut *assembled, known_recipes), reader));
    }
    unreachable_routes(said, reader);
    if !said.route.is_said() {
        let hint = "add [[receivers.otlp.route]] with the name of a service";
        reader.warn(&said.place, "there is no route, so every push will be refused", hint);
    }
    let Some(address) = said.http.value else { return };
    let http = reach::listener(address, &said.http.place, &said.guard.0, reader);
    let max_age = root.cloud_alm.value.max_age.value.0;
    assembled.otlp =
        Some(otlp::Config { http, other_signals: said.other_signals.value.0, routes, limits: limits(said), max_age });
}

/// The first match wins: behind a route that takes everything no other is ever asked.
fn unreachable_routes(said: &OtlpSaid, reader: &mut Reader<'_>) {
    let takes_all = |route: &RouteSaid| match &route.r#match.value {
        Some(pairs) => pairs.0.is_empty(),
        None => !route.r#match.is_said(),
    };
    let mut routes = said.route.value.iter().flatten();
    if routes.any(takes_all)
        && let Some(next) = routes.next()
    {
        let message = "this route is never reached: one before it takes everything";
        reader.warn(&next.place, message, "move the route without `match` to the end");
    }
}

fn limits(said: &OtlpSaid) -> otlp::Limits {
    let limits = &said.limits.0;
    otlp::Limits {
        wire_bytes: usize_of(limits.max_wire_bytes.value.0),
        body_bytes: usize_of(limits.max_body_bytes.value.0),
        points: usize_of(limits.max_points.value.0),
        attributes: usize_of(limits.max_attributes.value.0),
        requests: usize_of(limits.max_requests.value.0),
        connections: usize_of(limits.max_connections.value.0),
    }
}

fn route(
    said: &RouteSaid,
    (assembled, known_recipes): (&mut Assembled, &[String]),
    reader: &mut Reader<'_>,
) -> Option<otlp::Route> {
    let recipes = recipes(&said.meaning.0, Recipes::Auto, known_recipes, reader);
    let service = said.service.value.as_deref()?;
    let service = ServiceName::new(service);
    let key = match &said.name.value {
        Some(name) => SourceKey { service, name: name.as_str().into() },
        None => assembled.next_route(&service),
    };
    assembled.claim(&key, said.name.place.as_ref().unwrap_or(&said.place), reader);
    let source = assembled.add(meaning(key, SourceKind::Push, recipes, &said.meaning.0), rated_rules(&said.meaning.0));
    let matches = said.r#match.value.clone().map(|pairs| pairs.0).unwrap_or_default();
    Some(otlp::Route { matches: matches.into_iter().map(|(name, globs)| (name, globs.0)).collect(), source })
}
