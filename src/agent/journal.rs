//! The seam to what makes an acknowledgement durable.
//!
//! The loop appends before it applies and answers after both. [`Memory`] keeps nothing: an acknowledged entry then survives the loss of the
//! destination, but not that of the process, and `status` says so.

use crate::metric::Offer;

/// Where entries are written before they are acknowledged.
pub trait Journal: Send {
    /// Makes `offers` durable, all or none.
    ///
    /// # Errors
    /// The operating system's, when they are not; nothing of them may then be acknowledged.
    fn append(&mut self, offers: &[Offer]) -> impl Future<Output = std::io::Result<()>> + Send;
}

/// A journal that keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory;

impl Journal for Memory {
    async fn append(&mut self, _offers: &[Offer]) -> std::io::Result<()> {
        Ok(())
    }
}
