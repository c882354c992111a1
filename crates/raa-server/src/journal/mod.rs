//! Reads the engine's client events twice a second and hands each one to every subscriber.
//!
//! The engine has one event queue with one reader: this task. Whatever records clients coming and
//! going is a [`Subscriber`]. Always: every subscriber gets every event, in order; when the
//! server stops, each gets the remaining events and one last round.

mod changes;
mod last_seen;
mod log;
mod subscriber;

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use raa_core::hub::ClientEvent;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::control::Control;
use last_seen::LastSeenWriter;
use log::ClientLog;
use subscriber::Subscriber;

/// Time between two rounds: short enough for the log, and for a flood of forged SSRCs not to fill
/// the queue.
const ROUND: Duration = Duration::from_millis(500);

/// Keeps the journal until `stop`.
pub(crate) async fn run(events: Receiver<ClientEvent>, control: Control, stop: CancellationToken) {
    let now = Instant::now();
    let subscribers: Vec<Box<dyn Subscriber>> = vec![
        Box::new(ClientLog::default()),
        Box::new(control.changes().clone()),
        Box::new(LastSeenWriter::new(control, now)),
    ];
    hand_out(events, subscribers, stop).await;
}

async fn hand_out(
    events: Receiver<ClientEvent>,
    mut subscribers: Vec<Box<dyn Subscriber>>,
    stop: CancellationToken,
) {
    let mut rounds = tokio::time::interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let is_last = tokio::select! {
            () = stop.cancelled() => true,
            _ = rounds.tick() => false,
        };
        let now = Instant::now();
        for event in events.try_iter() {
            for subscriber in &mut subscribers {
                subscriber.handle(&event, now);
            }
        }
        for subscriber in &mut subscribers {
            subscriber.end_round(now, is_last).await;
        }
        if is_last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::subscriber::Work;
    use super::*;
    use std::sync::mpsc::sync_channel;
    use std::sync::{Arc, Mutex};

    /// Notes down all calls, for as long as the test looks.
    #[derive(Clone, Default)]
    struct Notes(Arc<Mutex<Vec<String>>>);

    impl Notes {
        fn push(&self, note: String) {
            self.0.lock().unwrap().push(note);
        }

        fn take(&self) -> Vec<String> {
            std::mem::take(&mut self.0.lock().unwrap())
        }
    }

    impl Subscriber for Notes {
        fn handle(&mut self, event: &ClientEvent, _: Instant) {
            let ClientEvent::Evicted { ssrc } = event else {
                panic!("{event:?}");
            };
            self.push(format!("event {ssrc}"));
        }

        fn end_round(&mut self, _: Instant, is_last: bool) -> Work<'_> {
            Box::pin(async move { self.push(format!("end, last: {is_last}")) })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn every_subscriber_gets_every_event_until_the_end() {
        let (events, receiver) = sync_channel(10);
        let stop = CancellationToken::new();
        let notes = [Notes::default(), Notes::default()];
        let subscribers = notes
            .iter()
            .map(|notes| Box::new(notes.clone()) as Box<dyn Subscriber>)
            .collect();
        let task = tokio::spawn(hand_out(receiver, subscribers, stop.clone()));
        events.send(ClientEvent::Evicted { ssrc: 1 }).unwrap();
        events.send(ClientEvent::Evicted { ssrc: 2 }).unwrap();
        tokio::time::sleep(ROUND / 2).await;
        for notes in &notes {
            assert_eq!(notes.take(), ["event 1", "event 2", "end, last: false"]);
        }
        events.send(ClientEvent::Evicted { ssrc: 3 }).unwrap();
        stop.cancel();
        task.await.unwrap();
        for notes in &notes {
            assert_eq!(notes.take(), ["event 3", "end, last: true"]);
        }
    }
}
