//! Which source a resource belongs to.
//!
//! The first route that matches wins. Within a route all attributes must match, each one of its globs: `*` any characters, `?` one.

use crate::metric::glob::fits;
use crate::metric::{Attributes, SourceId};

use super::Route;

/// The routes of the running configuration.
#[derive(Debug, Default)]
pub(super) struct Routes(Vec<Route>);

impl Routes {
    pub(super) const fn new(routes: Vec<Route>) -> Self {
        Self(routes)
    }

    /// The source of a resource, if a route takes it.
    pub(super) fn find(&self, resource: Attributes<'_>) -> Option<SourceId> {
        self.0.iter().find(|route| matches_all(route, resource)).map(|route| route.source)
    }
}

fn matches_all(route: &Route, resource: Attributes<'_>) -> bool {
    route.matches.iter().all(|(key, globs)| {
        let value = resource.iter().map_while(Result::ok).find(|(name, _)| name == key);
        value.is_some_and(|(_, value)| globs.iter().any(|glob| fits(glob, &value.to_text())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{AttributeValue, AttributeWriter};

    fn resource(pairs: &[(&str, AttributeValue<'_>)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = AttributeWriter::new(&mut bytes);
        for (key, value) in pairs {
            writer.value(key, *value);
        }
        bytes
    }

    fn route(source: u32, matches: &[(&str, &[&str])]) -> Route {
        let owned =
            |(key, globs): &(&str, &[&str])| ((*key).to_owned(), globs.iter().map(|glob| (*glob).to_owned()).collect());
        Route { matches: matches.iter().map(owned).collect(), source: SourceId(source) }
    }

    #[test]
    fn the_first_route_wins_and_all_its_keys_must_match() {
        let routes = Routes::new(vec![
            route(1, &[("service.name", &["orders-*"]), ("deployment.environment", &["prod", "live"])]),
            route(2, &[("service.name", &["orders-*", "shop"])]),
            route(3, &[("tenant", &["4?"])]),
        ]);
        let text = AttributeValue::String;
        let find = |pairs: &[(&str, AttributeValue<'_>)]| routes.find(Attributes::new(&resource(pairs)));
        assert_eq!(
            find(&[("service.name", text("orders-eu")), ("deployment.environment", text("live"))]),
            Some(SourceId(1))
        );
        assert_eq!(
            find(&[("service.name", text("orders-eu")), ("deployment.environment", text("test"))]),
            Some(SourceId(2))
        );
        assert_eq!(find(&[("service.name", text("shop"))]), Some(SourceId(2)));
        assert_eq!(find(&[("tenant", AttributeValue::Int(42))]), Some(SourceId(3)));
        assert_eq!((find(&[("service.name", text("cart"))]), find(&[])), (None, None));
    }

    #[test]
    fn a_route_without_conditions_takes_everything() {
        let routes = Routes::new(vec![route(7, &[])]);
        assert_eq!(routes.find(Attributes::default()), Some(SourceId(7)));
        assert_eq!(Routes::default().find(Attributes::default()), None);
    }
}
