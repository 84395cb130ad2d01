//! One request, ready to go.

use bytes::Bytes;
use tokio::time::Instant;

use crate::deliver::Config;
use crate::metric::{Batch, Class, ServiceId, ServiceName};
use crate::sap::cloud_alm::{Limits, Packer};

/// The number of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PieceId(pub(super) u64);

/// One request.
#[derive(Debug, Clone)]
pub struct Piece {
    /// Its number, to tell what became of it.
    pub id: PieceId,
    /// The service in our words.
    pub service: ServiceName,
    /// And in those of Cloud ALM.
    pub service_id: ServiceId,
    /// The most urgent class in it.
    pub class: Class,
    /// Its body before compression.
    pub body: Bytes,
    /// Its data points on the wire.
    pub wire_points: usize,
}

impl Piece {
    /// A request outside of the queues, for one try of its own (`doctor --push`): the rows of `batch` that fit. `None` when none does.
    pub fn of(batch: &Batch, config: &Config) -> Option<Self> {
        let limits = Limits { bytes: config.max_request_bytes, points: config.max_points_per_request };
        let mut packer = Packer::new(config.encoding, limits, config.fold_labels);
        let fit = batch.rows.iter().take_while(|row| packer.push(row).is_ok()).count();
        (fit > 0).then(|| Self {
            id: PieceId(0),
            service: batch.service.clone(),
            service_id: batch.service_id.clone(),
            class: batch.class,
            wire_points: packer.points(),
            body: packer.finish(),
        })
    }
}

/// What to do.
#[derive(Debug)]
pub enum Next {
    /// Send this, and tell what became of it.
    Send(Piece),
    /// Nothing may go until then, or until something happens.
    Wait(Option<Instant>),
}
