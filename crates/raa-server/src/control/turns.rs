//! The order of commands: one at a time, and addresses in turns.
//!
//! Always: a command waits for at most one command of each other address; the table has only addresses
//! whose commands wait or are carried out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex as StdMutex, MutexGuard as StdMutexGuard, PoisonError};

use tokio::sync::{Mutex, MutexGuard, OwnedMutexGuard};

use crate::access::Address;

/// Gives commands their turns.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// The command that is carried out. Waiting for it is fair.
    turn: Mutex<()>,
    /// For each address the command that waits for the turn or has it.
    addresses: StdMutex<HashMap<Address, Arc<Mutex<()>>>>,
}

/// The turn of a command.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    _turn: MutexGuard<'a, ()>,
    _address: Option<Place<'a>>,
}

/// An address's place in the table.
#[derive(Debug)]
struct Place<'a> {
    turns: &'a Turns,
    address: Address,
    guard: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    /// Waits for the turn of a command from this address.
    pub(super) async fn of(&self, ip: IpAddr) -> Turn<'_> {
        let address = Address::from(ip);
        let own = self.table().entry(address).or_default().clone();
        let mut place = Place {
            turns: self,
            address,
            guard: None,
        };
        place.guard = Some(own.lock_owned().await);
        Turn {
            _turn: self.turn.lock().await,
            _address: Some(place),
        }
    }

    /// Waits for the turn of a command of the server itself.
    pub(super) async fn of_server(&self) -> Turn<'_> {
        Turn {
            _turn: self.turn.lock().await,
            _address: None,
        }
    }

    fn table(&self) -> StdMutexGuard<'_, HashMap<Address, Arc<Mutex<()>>>> {
        self.addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.guard = None;
        let mut table = self.turns.table();
        // Nobody can clone it while the table is locked.
        let is_unused = |own: &Arc<Mutex<()>>| Arc::strong_count(own) == 1;
        if table.get(&self.address).is_some_and(is_unused) {
            table.remove(&self.address);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn host(number: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, number).into()
    }

    #[tokio::test]
    async fn addresses_take_turns() {
        let turns = Arc::new(Turns::default());
        let order = Arc::<StdMutex<Vec<u8>>>::default();
        let first = turns.of_server().await;
        let mut tasks = Vec::new();
        for number in [[1; 50].as_slice(), &[2; 3], &[3]].concat() {
            let (turns, order) = (turns.clone(), order.clone());
            tasks.push(tokio::spawn(async move {
                let _turn = turns.of(host(number)).await;
                order.lock().unwrap().push(number);
                tokio::task::yield_now().await;
            }));
            // Each waits before the next one comes.
            tokio::task::yield_now().await;
        }
        drop(first);
        for task in tasks {
            task.await.unwrap();
        }
        let order = order.lock().unwrap();
        assert_eq!(order[..6], [1, 2, 3, 1, 2, 1], "{order:?}");
        assert_eq!(order.len(), 54);
        assert!(turns.table().is_empty());
    }

    #[tokio::test]
    async fn abandoned_commands_leave_the_table() {
        let turns = Turns::default();
        let first = turns.of(host(1)).await;
        for number in 1..100 {
            let waiting = turns.of(host(number));
            let waited = tokio::time::timeout(std::time::Duration::ZERO, waiting).await;
            assert!(waited.is_err());
        }
        assert_eq!(turns.table().len(), 1);
        drop(first);
        assert!(turns.table().is_empty());
    }
}
