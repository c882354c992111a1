//! How the independent jobs of a slot are carried out.
//!
//! Always: the hub's output is the same bit for bit, whatever the order and number of threads.

/// Runs independent jobs, perhaps on several threads.
pub trait Executor {
    /// Calls `job` once with each of `jobs`, in any order, and returns when all are done.
    fn run<T: Send>(&mut self, jobs: &mut [T], job: impl Fn(&mut T) + Sync);
}

/// Runs jobs one after the other on the caller's thread.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sequential;

impl Executor for Sequential {
    fn run<T: Send>(&mut self, jobs: &mut [T], job: impl Fn(&mut T) + Sync) {
        jobs.iter_mut().for_each(job);
    }
}
