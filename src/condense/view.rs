//! What the condenser knows, for the status page and its JSON.

use std::sync::Arc;

use super::condenser::Condenser;
use super::rules::RuleKind;
use super::series::Keyed;
use super::status::StatusKind;
use crate::clock::Timestamp;
use crate::metric::{Body, Labels, Rating, ServiceId, ServiceName, SourceKey};

/// More rated rows than this dilute a single failure so far that the tile stays yellow.
const FEW_RATED_ROWS: usize = 4;

/// Everything there is to show.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// The services, in the order of the configuration.
    pub services: Vec<ServiceView>,
    /// Accepted points that wait for their window to close.
    pub pending_points: u64,
    /// How many series are known.
    pub series: usize,
    /// About how many bytes of state there are.
    pub state_bytes: usize,
    /// When the open window closes.
    pub window_closes: Timestamp,
}

/// One service.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceView {
    /// Its name.
    pub name: ServiceName,
    /// Its object in Landscape Management.
    pub id: ServiceId,
    /// How its roll-up is rated, once something is known.
    pub rating: Option<Rating>,
    /// What its tile will probably look like; `None` while nothing is rated.
    pub tile: Option<Tile>,
    /// Why its statuses go out as information now.
    pub maintenance: Option<String>,
    /// Its rows, statuses first.
    pub rows: Vec<RowView>,
    /// Rows that count against `max_metrics`.
    pub metrics: usize,
    /// The limit.
    pub max_metrics: usize,
    /// Metrics that were cut because of it.
    pub cut: Vec<Arc<str>>,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// Who pushes to it.
    pub senders: Vec<SenderView>,
    /// Recipes in force, by source.
    pub recipes: Vec<(SourceKey, Vec<Arc<str>>)>,
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct RowView {
    /// Its name.
    pub name: Arc<str>,
    /// Its kind, in Cloud ALM's word.
    pub kind: RowKind,
    /// Its attributes.
    pub labels: Labels,
    /// Its unit; empty for a status.
    pub unit: Arc<str>,
    /// What was sent last; `None` while it has no value.
    pub body: Option<Body>,
    /// Since when a status is rated so, or when a value was so.
    pub since: Timestamp,
}

/// The three kinds, in Cloud ALM's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    /// A gauge.
    Performance,
    /// A quota.
    Quota,
    /// A status.
    Status,
}

/// Who pushes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderView {
    /// Through which source.
    pub source: SourceKey,
    /// What it calls itself; may be empty.
    pub name: Arc<str>,
    /// When it was last heard of.
    pub seen: Timestamp,
}

/// What a tile in Health Monitoring will probably look like.
///
/// Source: SAP's learning page on the health score: ok counts 100, warning 50, critical 0, information nothing, one fatal makes it 0; red below
/// 80, yellow below 100. A screenshot of SAP's contradicts it, so this is a prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tile {
    /// 0 to 100.
    pub score: u8,
    /// The colour that goes with it.
    pub colour: Colour,
}

/// The colour of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// All is well.
    Green,
    /// 80 to 99.
    Yellow,
    /// Below 80.
    Red,
}

impl Tile {
    /// Of the ratings of all rows; `None` when none of them counts.
    pub fn of(ratings: impl IntoIterator<Item = Rating>) -> Option<Self> {
        let (mut sum, mut count, mut fatal) = (0_u32, 0_u32, false);
        for rating in ratings {
            let points = match rating {
                Rating::Info => continue,
                Rating::Ok => 100,
                Rating::Warning => 50,
                Rating::Critical | Rating::Fatal => 0,
            };
            fatal |= rating == Rating::Fatal;
            (sum, count) = (sum + points, count + 1);
        }
        if count == 0 {
            return None;
        }
        let score = if fatal { 0 } else { (sum / count) as u8 };
        let colour = match score {
            100.. => Colour::Green,
            80..100 => Colour::Yellow,
            _ => Colour::Red,
        };
        Some(Self { score, colour })
    }
}

impl Condenser {
    /// What there is to show now.
    pub fn view(&self, now: Timestamp) -> View {
        View {
            services: (0..self.services.len() as u32).map(|index| self.service_view(index, now)).collect(),
            pending_points: self.pending_points(),
            series: Keyed::len(&self.table.series),
            state_bytes: self.table.used_bytes(),
            window_closes: self.closes,
        }
    }

    fn service_view(&self, index: u32, now: Timestamp) -> ServiceView {
        let service = &self.services[index as usize];
        let maintenance = service.calendar.active(now);
        let mut rows: Vec<RowView> = self.status_views(index, maintenance.as_deref());
        rows.extend(self.rows.iter().filter(|(_, row)| row.service == index && row.spec.is_counted()).map(
            |(_, row)| {
                let kind = match row.spec.rule.kind {
                    RuleKind::Quota => RowKind::Quota,
                    RuleKind::Gauge | RuleKind::Status => RowKind::Performance,
                };
                RowView {
                    name: row.name.clone(),
                    kind,
                    labels: row.key.labels.clone(),
                    unit: row.key.unit.clone(),
                    body: row.shown.as_ref().map(|(body, _)| body.clone()),
                    since: row.shown.as_ref().map_or(Timestamp::UNSET, |(_, time)| *time),
                }
            },
        ));
        let ratings = || rows.iter().filter_map(|row| row.body.as_ref()?.rating());
        let health = self.board.of_service(index).find(|(_, status)| status.kind == StatusKind::Health);
        let mut warnings = service.warnings.clone();
        warnings.extend(self.dilution(index, ratings().filter(|rating| *rating != Rating::Info).count()));
        warnings.extend(cut_warning(service.room.cut.len(), service.config.max_metrics));
        ServiceView {
            name: service.config.name.clone(),
            id: service.config.id.clone(),
            rating: health.and_then(|(_, status)| Some(status.current()?.0)),
            tile: Tile::of(ratings()),
            maintenance,
            metrics: service.room.rows,
            max_metrics: service.config.max_metrics,
            cut: service.room.cut.keys().cloned().collect(),
            warnings,
            senders: self.sender_views(index),
            recipes: self.recipe_views(index),
            rows,
        }
    }

    fn status_views(&self, service: u32, maintenance: Option<&str>) -> Vec<RowView> {
        let shown = self.board.of_service(service).filter_map(|(key, status)| {
            let (rating, text) = status.shown(maintenance)?;
            Some(RowView {
                name: key.name.clone(),
                kind: RowKind::Status,
                labels: key.labels.clone(),
                unit: "".into(),
                body: Some(Body::Status { rating, text }),
                since: status.since,
            })
        });
        shown.collect()
    }

    fn dilution(&self, service: u32, rated: usize) -> Option<String> {
        let has_essential = self
            .config
            .sources
            .iter()
            .zip(&self.sources)
            .any(|(config, source)| source.service == Some(service) && config.status.essential);
        (rated > FEW_RATED_ROWS && !has_essential).then(|| {
            format!(
                "{rated} rows are rated and no check is essential: one failure among them will hardly colour the tile; \
                 write essential = true at the check that matters most"
            )
        })
    }

    fn sender_views(&self, service: u32) -> Vec<SenderView> {
        let of_service =
            self.config.sources.iter().zip(&self.sources).filter(|(_, source)| source.service == Some(service));
        of_service
            .flat_map(|(config, source)| {
                source.senders.iter().map(|(name, seen)| SenderView {
                    source: config.key.clone(),
                    name: name.clone(),
                    seen,
                })
            })
            .collect()
    }

    fn recipe_views(&self, service: u32) -> Vec<(SourceKey, Vec<Arc<str>>)> {
        let of_service =
            self.config.sources.iter().zip(&self.sources).filter(|(_, source)| source.service == Some(service));
        of_service
            .map(|(config, source)| {
                (config.key.clone(), source.plan.recipes.iter().map(|recipe| recipe.name.clone()).collect())
            })
            .collect()
    }
}

fn cut_warning(cut: usize, max_metrics: usize) -> Option<String> {
    (cut > 0).then(|| {
        format!(
            "max_metrics = {max_metrics} is reached: {cut} metrics were cut; choose a recipe, write rules, or raise it"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tile_follows_the_published_score() {
        use Rating::{Critical, Fatal, Info, Ok, Warning};
        let tile = |ratings: &[Rating]| Tile::of(ratings.iter().copied()).map(|tile| (tile.score, tile.colour));
        assert_eq!(tile(&[]), None);
        assert_eq!(tile(&[Info]), None);
        assert_eq!(tile(&[Ok, Ok, Info]), Some((100, Colour::Green)));
        assert_eq!(tile(&[Ok, Ok, Ok, Ok, Critical]), Some((80, Colour::Yellow)));
        assert_eq!(tile(&[Ok, Warning]), Some((75, Colour::Red)));
        assert_eq!(tile(&[Ok, Ok, Ok, Ok, Ok, Ok, Ok, Fatal]), Some((0, Colour::Red)));
    }
}
