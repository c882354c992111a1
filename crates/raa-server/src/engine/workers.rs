//! Threads that share the work of a slot when one core is hardly enough.
//!
//! While a slot's work is short, the engine does it alone: waking other threads would cost more than
//! they save. Always: the mixes are the same bit for bit, whichever thread does a job; the threads
//! sleep while they are not needed, and have ended when the engine has.

use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use raa_core::hub::{Executor, Hub};
use rayon::iter::{IntoParallelRefMutIterator as _, ParallelIterator as _};
use rayon::{ThreadPool, ThreadPoolBuilder};
use tracing::{info, warn};

use super::priority;

/// Maximum number of threads; more would wait for each other more than they help.
const MAX_WORKERS: usize = 8;
/// Average work per slot from which on it is shared: one core can still do it, but not much more.
const SHARE_FROM: Duration = Duration::from_millis(12);
/// Work of a single slot from which on the next ones are shared at once.
const SHARE_AT_ONCE_FROM: Duration = Duration::from_millis(16);
/// Average work per slot below which the engine is alone again. It is well below [`SHARE_FROM`],
/// because two threads that decode at once often share a core's units and each takes longer.
const ALONE_BELOW: Duration = Duration::from_millis(9);
/// Slots over which the work is averaged: a second.
const AVERAGED_SLOTS: u32 = 50;

/// Calls `work` with a pool of as many threads as the machine has cores, and ends them afterwards.
pub(super) fn with_workers(work: impl FnOnce(Workers<'_>) + Send) {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = cores.min(MAX_WORKERS);
    if threads == 1 {
        return work(Workers::new(None));
    }
    let mut work = Some(work);
    let done = ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|n| format!("mixer-{n}"))
        .start_handler(|_| _ = priority::raise())
        .build_scoped(rayon::ThreadBuilder::run, |pool| {
            info!(threads, "worker threads are ready");
            work.take().map(|work| work(Workers::new(Some(pool))))
        });
    if let Err(error) = done {
        warn!(%error, "worker threads cannot be started; the engine works alone");
    }
    if let Some(work) = work {
        work(Workers::new(None));
    }
}

/// Plays slots, with the threads if the work is long.
pub(super) struct Workers<'a> {
    pool: Option<&'a ThreadPool>,
    sharing: Sharing,
}

impl<'a> Workers<'a> {
    fn new(pool: Option<&'a ThreadPool>) -> Self {
        Self {
            pool,
            sharing: Sharing::default(),
        }
    }

    /// Plays the slot that is due by `now`.
    pub(super) fn play(&mut self, hub: &mut Hub, now: Instant) {
        let mut slot = Slot {
            pool: self.pool.filter(|_| self.sharing.is_on),
            work: Duration::ZERO,
        };
        hub.handle_timeout_with(now, &mut slot);
        self.sharing.note(slot.work);
    }
}

/// Runs the jobs of one slot.
struct Slot<'a> {
    /// The threads that share the work; `None` when the engine does it alone.
    pool: Option<&'a ThreadPool>,
    /// Time spent so far, summed over all threads.
    work: Duration,
}

impl Executor for Slot<'_> {
    fn run<T: Send>(&mut self, jobs: &mut [T], job: impl Fn(&mut T) + Sync) {
        self.work += match self.pool {
            Some(pool) if jobs.len() > 1 => run_in_parallel(pool, jobs, job),
            _ => run_in_sequence(jobs, job),
        };
    }
}

/// Returns the time that it took.
fn run_in_sequence<T>(jobs: &mut [T], job: impl Fn(&mut T)) -> Duration {
    let started = Instant::now();
    jobs.iter_mut().for_each(job);
    started.elapsed()
}

/// Returns the time that it took, summed over the threads.
fn run_in_parallel<T: Send>(
    pool: &ThreadPool,
    jobs: &mut [T],
    job: impl Fn(&mut T) + Sync,
) -> Duration {
    let busy = AtomicU64::new(0);
    pool.install(|| {
        jobs.par_iter_mut().for_each(|each| {
            let started = Instant::now();
            job(each);
            busy.fetch_add(started.elapsed().as_nanos() as u64, Ordering::Relaxed);
        });
    });
    Duration::from_nanos(busy.into_inner())
}

/// Decides whether the work of slots is shared.
#[derive(Debug, Default)]
struct Sharing {
    average: Duration,
    is_on: bool,
}

impl Sharing {
    /// Takes note of a slot's work, summed over all threads.
    fn note(&mut self, work: Duration) {
        self.average = (self.average * (AVERAGED_SLOTS - 1) + work) / AVERAGED_SLOTS;
        if work >= SHARE_AT_ONCE_FROM {
            self.average = self.average.max(SHARE_FROM);
        }
        if self.average >= SHARE_FROM {
            self.is_on = true;
        } else if self.average < ALONE_BELOW {
            self.is_on = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    #[test]
    fn long_work_is_shared_until_it_stays_short() {
        let mut sharing = Sharing::default();
        let mut note = |work_ms: u64, slots: u32| {
            (0..slots).for_each(|_| sharing.note(Duration::from_millis(work_ms)));
            sharing.is_on
        };
        assert!(!note(11, 500), "one core is enough");
        assert!(!note(15, 1), "one slot hardly moves the average");
        assert!(note(15, 50));
        assert!(note(10, 500), "nothing changes between the limits");
        assert!(note(1, 5), "a few short slots hardly move the average");
        assert!(!note(1, 60));
        assert!(!note(10, 500));
        assert!(note(16, 1), "a very long slot counts at once");
        assert!(!note(8, 200));
    }

    #[test]
    fn threads_live_as_long_as_the_work() {
        let mut threads = Vec::new();
        with_workers(|workers| {
            if let Some(pool) = workers.pool {
                threads = pool.broadcast(|_| std::fs::read_link("/proc/thread-self").unwrap());
            }
        });
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let expected = if cores == 1 {
            0
        } else {
            cores.min(MAX_WORKERS)
        };
        assert_eq!(threads.len(), expected);
        // The kernel forgets a thread a moment after it has been joined.
        let is_there = |thread: &PathBuf| Path::new("/proc").join(thread).exists();
        let is_gone = (0..500).any(|_| {
            thread::sleep(Duration::from_millis(2));
            !threads.iter().any(is_there)
        });
        assert!(is_gone, "{threads:?}");
    }
}
