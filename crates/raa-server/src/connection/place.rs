//! Places of connections, as values that give them back when they are dropped.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::access::Address;
use crate::limits::places::{Full, Holder, Limits, PlaceId, Places};

/// The places of all connections; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct PlaceTable(Arc<Mutex<Places<CancellationToken>>>);

/// A place; clones share it, and the last one gives it back.
#[derive(Debug, Clone)]
pub(crate) struct Place(Arc<Held>);

#[derive(Debug)]
struct Held {
    table: PlaceTable,
    id: PlaceId,
}

impl PlaceTable {
    pub(crate) fn new(limits: Limits) -> Self {
        Self(Arc::new(Mutex::new(Places::new(limits))))
    }

    /// Takes a place, and cancels the token of the connection that must make room, if one must;
    /// `closing` is cancelled when this one must. Returns whether one must.
    ///
    /// # Errors
    /// [`Full`].
    pub(crate) fn enter(
        &self,
        ip: IpAddr,
        holder: Holder,
        closing: &CancellationToken,
    ) -> Result<(Place, bool), Full> {
        let entered = self
            .lock()
            .enter(Address::from(ip), holder, closing.clone());
        let (id, closed) = entered?;
        if let Some(closed) = &closed {
            closed.cancel();
        }
        let table = self.clone();
        Ok((Place(Arc::new(Held { table, id })), closed.is_some()))
    }

    fn lock(&self) -> MutexGuard<'_, Places<CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// A request has come on the connection.
    pub(crate) fn work(&self) {
        self.0.table.lock().work(self.0.id);
    }

    /// The request is answered.
    pub(crate) fn rest(&self) {
        self.0.table.lock().rest(self.0.id);
    }

    pub(super) fn has_socket(&self) -> bool {
        self.0.table.lock().has_socket(self.0.id)
    }

    pub(super) fn become_socket(&self) -> Result<(), Full> {
        self.0.table.lock().become_socket(self.0.id)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.table.lock().leave(self.id);
    }
}
