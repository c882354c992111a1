//! `GET /ws?mix=main`: a mix for one listener, one RTP packet per message.
//!
//! HTTP ends with the handshake (`api::listen`): the connection leaves it as a plain stream and
//! belongs to one of the [`fanout`] threads from then on. Always: a slow listener is skipped to
//! live and counted, then closed with a reason, and slows no other.

pub(crate) mod fanout;
mod frames;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod hello;
mod incoming;
mod listener;
pub(crate) mod poller;
mod shard;
pub(crate) mod stats;
mod stream;
#[cfg(test)]
mod test_transport;
mod transport;

use std::sync::Arc;

use hyper::upgrade::OnUpgrade;
use tracing::{debug, warn};

use crate::connection::Connection;
use crate::websocket;
use fanout::{Fanout, Offer};
pub(crate) use hello::Hello;
use stream::{Socket, TakeOverError};

/// Takes a connection out of HTTP once its handshake is answered, and passes it on to a shard.
pub(crate) async fn take_over(
    fanout: Arc<Fanout>,
    connection: Arc<Connection>,
    offer: Offer,
    upgrading: OnUpgrade,
) {
    let Ok(upgraded) = upgrading.await else {
        return; // The client disconnected during the handshake.
    };
    let peer = connection.peer;
    match Socket::take_over(upgraded) {
        Ok((_, early)) if early.len() > websocket::MAX_INCOMING => {
            debug!(%peer, "a listener sent too much with its handshake");
        }
        Ok((socket, early)) => fanout.admit(socket, early, connection, offer).await,
        Err(error @ TakeOverError::UnknownKind) => warn!(%peer, %error, "a listener was refused"),
        Err(error) => debug!(%peer, %error, "a listener was refused"),
    }
}
