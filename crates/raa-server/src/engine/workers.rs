//! Threads that play the sources' shares of a slot when one core hardly suffices.
//!
//! While a slot's work is short, the engine does it alone: waking others costs more than they
//! save. Always: the mix is the same bit for bit, whoever plays the shares; the threads sleep
//! while they are not needed, and have ended when the engine has.

use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use raa_core::hub::{Executor, Hub};
use rayon::iter::{IntoParallelRefMutIterator as _, ParallelIterator as _};
use rayon::{ThreadPool, ThreadPoolBuilder};
use tracing::{info, warn};

use super::priority;

/// More would wait for each other more than they help.
const MAX_WORKERS: usize = 8;
/// Slots with so much work, on average, are shared out: one core still suffices for it, but not
/// for much more.
const SHARE_FROM: Duration = Duration::from_millis(12);
/// A single one with so much is reason enough.
const SHARE_AT_ONCE_FROM: Duration = Duration::from_millis(16);
/// With less than this, on average, the engine is alone again. Two threads that decode at once
/// often share a core's units, and then each takes longer.
const ALONE_BELOW: Duration = Duration::from_millis(9);
/// The average is over about so many slots: a second.
const AVERAGED_SLOTS: u32 = 50;

/// Calls `work` with as many threads at hand as the machine has cores, and ends them after it.
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
            info!(threads, "worker threads are ready for many sources");
            work.take().map(|work| work(Workers::new(Some(pool))))
        });
    if let Err(error) = done {
        warn!(%error, "the engine has no worker threads");
    }
    if let Some(work) = work {
        work(Workers::new(None));
    }
}

/// See the module's text.
pub(super) struct Workers<'a> {
    pool: Option<&'a ThreadPool>,
    load: Load,
}

impl<'a> Workers<'a> {
    fn new(pool: Option<&'a ThreadPool>) -> Self {
        Self {
            pool,
            load: Load::default(),
        }
    }

    /// Plays the slot that is due by `now`.
    pub(super) fn play(&mut self, hub: &mut Hub, now: Instant) {
        let mut slot = Slot {
            pool: self.pool.filter(|_| self.load.is_shared),
            work: Duration::ZERO,
        };
        hub.handle_timeout_with(now, &mut slot);
        self.load.note(slot.work);
    }
}

/// Carries out the jobs of one slot.
struct Slot<'a> {
    /// The threads that share the work; `None` when the engine does it alone.
    pool: Option<&'a ThreadPool>,
    /// Time spent so far, summed over all threads.
    work: Duration,
}

impl Executor for Slot<'_> {
    fn run<T: Send>(&mut self, jobs: &mut [T], job: impl Fn(&mut T) + Sync) {
        self.work += match self.pool {
            Some(pool) if jobs.len() > 1 => run_at_once(pool, jobs, job),
            _ => run_in_turn(jobs, job),
        };
    }
}

/// Returns how long it took.
fn run_in_turn<T>(jobs: &mut [T], job: impl Fn(&mut T)) -> Duration {
    let started = Instant::now();
    jobs.iter_mut().for_each(job);
    started.elapsed()
}

/// Returns how long it would have taken one thread.
fn run_at_once<T: Send>(
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

/// Decides whether slots are shared out.
#[derive(Debug, Default)]
struct Load {
    average: Duration,
    is_shared: bool,
}

impl Load {
    /// Takes note of a slot's work, summed over all threads.
    fn note(&mut self, work: Duration) {
        self.average = (self.average * (AVERAGED_SLOTS - 1) + work) / AVERAGED_SLOTS;
        if work >= SHARE_AT_ONCE_FROM {
            self.average = self.average.max(SHARE_FROM);
        }
        if self.average >= SHARE_FROM {
            self.is_shared = true;
        } else if self.average < ALONE_BELOW {
            self.is_shared = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    #[test]
    fn much_work_is_shared_out_at_once_and_until_it_has_been_little_for_long() {
        let mut load = Load::default();
        let mut note = |work_ms: u64, slots: u32| {
            (0..slots).for_each(|_| load.note(Duration::from_millis(work_ms)));
            load.is_shared
        };
        assert!(!note(11, 500), "one core suffices");
        assert!(!note(15, 1), "once is no load");
        assert!(note(15, 50));
        assert!(note(10, 500), "between the two nothing changes");
        assert!(note(1, 5), "a few short slots are no reason");
        assert!(!note(1, 60));
        assert!(!note(10, 500));
        assert!(note(16, 1), "the next slot may have as much");
        assert!(!note(8, 200));
    }

    #[test]
    fn the_threads_are_there_for_the_work_and_gone_after_it() {
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
