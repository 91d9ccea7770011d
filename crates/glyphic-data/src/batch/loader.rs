use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// An endless, numbered sequence of batches, each a pure function of its number.
///
/// Batches are made in units of one or several that share work (those of a unit are sorted by width, say).
pub trait Plan: Send + Sync + 'static {
    /// What is made.
    type Batch: Send + 'static;

    /// The seed that fixes every random choice.
    fn seed(&self) -> u64;

    /// Batches in a unit, at least 1, always the same.
    fn unit_len(&self) -> usize;

    /// The batches of unit `unit`: [`Plan::unit_len`] of them, from batch `unit * unit_len` on.
    ///
    /// # Errors
    /// Where a sample cannot be made.
    fn unit(&self, unit: u64) -> Result<Vec<Self::Batch>>;
}

/// How batches are made ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LoaderOptions {
    /// Worker threads, at least 1.
    pub threads: usize,
    /// Units of batches that may lie ready or be in work at once, at least 1.
    pub queue: usize,
}

impl Default for LoaderOptions {
    /// Two threads, four units.
    fn default() -> Self {
        Self { threads: 2, queue: 4 }
    }
}

/// Where a stream of batches stands: enough to go on from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamState {
    /// The plan's seed.
    pub seed: u64,
    /// The batch that comes next, from 0.
    pub step: u64,
}

/// How long the consumer waited for batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitReport {
    /// Time spent waiting in [`Loader::next`].
    pub waited: Duration,
    /// Time since the last report, or since the start.
    pub elapsed: Duration,
}

impl WaitReport {
    /// The share of the time that was spent waiting, 0 to 1. Much above 0: more threads or less augmentation help.
    pub fn share(&self) -> f64 {
        let elapsed = self.elapsed.as_secs_f64();
        if elapsed > 0.0 { (self.waited.as_secs_f64() / elapsed).min(1.0) } else { 0.0 }
    }
}

/// Batches of a plan in order, made ahead on threads with a bounded queue. The order and the batches are the same
/// whatever the number of threads. The threads end when the loader is dropped.
pub struct Loader<P: Plan> {
    shared: Arc<Shared<P>>,
    threads: Vec<JoinHandle<()>>,
    state: StreamState,
    next_unit: u64,
    /// Batches of the current unit to skip first, where the stream begins inside a unit.
    skip: usize,
    ready: VecDeque<P::Batch>,
    waited: Duration,
    since: Instant,
}

struct Shared<P: Plan> {
    plan: P,
    queue: Mutex<Queue<P::Batch>>,
    /// A unit is ready, or the queue has room, or the loader stops.
    changed: Condvar,
    room: u64,
}

struct Queue<B> {
    next_claim: u64,
    next_take: u64,
    done: BTreeMap<u64, Result<Vec<B>>>,
    stop: bool,
}

impl<P: Plan> Shared<P> {
    fn lock(&self) -> MutexGuard<'_, Queue<P::Batch>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Plan> Loader<P> {
    /// Starts at batch `step`; 0 for a new stream.
    ///
    /// # Errors
    /// [`Error::Setup`] where a thread cannot be started.
    pub fn new(plan: P, options: LoaderOptions, step: u64) -> Result<Self> {
        let seed = plan.seed();
        let unit_len = plan.unit_len().max(1) as u64;
        let first = step / unit_len;
        let queue = Queue { next_claim: first, next_take: first, done: BTreeMap::new(), stop: false };
        let shared = Arc::new(Shared {
            plan,
            queue: Mutex::new(queue),
            changed: Condvar::new(),
            room: options.queue.max(1) as u64,
        });
        let mut loader = Self {
            shared,
            threads: Vec::new(),
            state: StreamState { seed, step },
            next_unit: first,
            skip: (step % unit_len) as usize,
            ready: VecDeque::new(),
            waited: Duration::ZERO,
            since: Instant::now(),
        };
        for i in 0..options.threads.max(1) {
            let shared = Arc::clone(&loader.shared);
            let thread =
                std::thread::Builder::new().name(format!("batches-{i}")).spawn(move || work(&shared));
            let thread = thread
                .map_err(|e| Error::Setup { what: "batch loader", reason: format!("no thread: {e}") })?;
            loader.threads.push(thread);
        }
        Ok(loader)
    }

    /// Goes on where another loader of the same plan stood.
    ///
    /// # Errors
    /// [`Error::Setup`] where the plan has another seed than the state, or a thread cannot be started.
    pub fn resume(plan: P, options: LoaderOptions, state: StreamState) -> Result<Self> {
        if plan.seed() != state.seed {
            return Err(Error::Setup {
                what: "resuming a stream of batches",
                reason: format!("the plan's seed is {}, the state's {}", plan.seed(), state.seed),
            });
        }
        Self::new(plan, options, state.step)
    }

    /// The next batch; waits for it. The stream has no end.
    ///
    /// # Errors
    /// The error of a sample. The batches made together with it are passed over: the call after goes on behind them.
    #[expect(clippy::should_implement_trait, reason = "there is always a next batch")]
    pub fn next(&mut self) -> Result<P::Batch> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                self.state.step += 1;
                return Ok(batch);
            }
            let started = Instant::now();
            let unit = self.take();
            self.waited += started.elapsed();
            let skip = std::mem::take(&mut self.skip);
            match unit {
                Ok(batches) => self.ready.extend(batches.into_iter().skip(skip)),
                Err(error) => {
                    self.state.step = self.next_unit * self.shared.plan.unit_len().max(1) as u64;
                    return Err(error);
                }
            }
        }
    }

    /// Where the stream stands.
    pub fn state(&self) -> StreamState {
        self.state
    }

    /// The plan whose batches these are.
    pub fn plan(&self) -> &P {
        &self.shared.plan
    }

    /// How much of the time since the last call was spent waiting for batches.
    pub fn wait_report(&mut self) -> WaitReport {
        let now = Instant::now();
        let report = WaitReport { waited: self.waited, elapsed: now - self.since };
        self.waited = Duration::ZERO;
        self.since = now;
        report
    }

    fn take(&mut self) -> Result<Vec<P::Batch>> {
        let mut queue = self.shared.lock();
        let result = loop {
            match queue.done.remove(&self.next_unit) {
                Some(result) => break result,
                None => queue = self.shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
            }
        };
        self.next_unit += 1;
        queue.next_take = self.next_unit;
        drop(queue);
        self.shared.changed.notify_all();
        result
    }
}

fn work<P: Plan>(shared: &Shared<P>) {
    loop {
        let mut queue = shared.lock();
        while !queue.stop && queue.next_claim >= queue.next_take + shared.room {
            queue = shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        if queue.stop {
            return;
        }
        let unit = queue.next_claim;
        queue.next_claim += 1;
        drop(queue);
        // Without this a defect in one sample would leave the consumer waiting for ever.
        let made = catch_unwind(AssertUnwindSafe(|| shared.plan.unit(unit))).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
            let message = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
            Err(Error::Worker { unit, message })
        });
        shared.lock().done.insert(unit, made);
        shared.changed.notify_all();
    }
}

impl<P: Plan> Drop for Loader<P> {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            // A worker catches its panics; there is nothing to learn from the result.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// Batch `i` is `i * 10`; unit 5 fails, unit 7 panics where asked to.
    struct Tens {
        unit_len: usize,
        broken: bool,
        slow: Duration,
        made: Arc<AtomicU64>,
    }

    impl Tens {
        fn new(unit_len: usize) -> Self {
            Self { unit_len, broken: false, slow: Duration::ZERO, made: Arc::default() }
        }
    }

    impl Plan for Tens {
        type Batch = u64;
        fn seed(&self) -> u64 {
            77
        }
        fn unit_len(&self) -> usize {
            self.unit_len
        }
        fn unit(&self, unit: u64) -> Result<Vec<u64>> {
            std::thread::sleep(self.slow);
            self.made.fetch_add(1, Ordering::SeqCst);
            if self.broken && unit == 5 {
                return Err(Error::Setup { what: "unit", reason: "five".to_owned() });
            }
            assert!(!(self.broken && unit == 7), "seven is a defect");
            // Later units are quicker, so that threads overtake each other.
            std::thread::sleep(Duration::from_micros(300 * (3 - unit % 4)));
            Ok((0..self.unit_len as u64).map(|k| (unit * self.unit_len as u64 + k) * 10).collect())
        }
    }

    #[test]
    fn the_order_is_the_same_for_every_number_of_threads() {
        for threads in [1, 2, 5] {
            for unit_len in [1, 3] {
                let options = LoaderOptions { threads, queue: 4 };
                let mut loader = Loader::new(Tens::new(unit_len), options, 0).expect("starts");
                let got: Vec<u64> = (0..60).map(|_| loader.next().expect("batch")).collect();
                assert_eq!(got, (0..60).map(|i| i * 10).collect::<Vec<_>>(), "{threads} threads");
            }
        }
    }

    #[test]
    fn a_stream_resumes_at_any_batch() {
        for step in [0, 1, 2, 3, 7, 30] {
            let state = StreamState { seed: 77, step };
            let mut loader = Loader::resume(Tens::new(3), LoaderOptions::default(), state).expect("starts");
            for i in step..step + 8 {
                assert_eq!(loader.state(), StreamState { seed: 77, step: i });
                assert_eq!(loader.next().expect("batch"), i * 10);
            }
        }
        let other = StreamState { seed: 78, step: 0 };
        assert!(Loader::resume(Tens::new(3), LoaderOptions::default(), other).is_err());
    }

    #[test]
    fn an_error_and_a_panic_reach_the_consumer_and_the_stream_goes_on() {
        let plan = Tens { broken: true, ..Tens::new(2) };
        let mut loader = Loader::new(plan, LoaderOptions::default(), 8).expect("starts");
        assert_eq!((loader.next().expect("8"), loader.next().expect("9")), (80, 90));
        assert!(matches!(loader.next(), Err(Error::Setup { .. })));
        assert_eq!(loader.state().step, 12);
        assert_eq!((loader.next().expect("12"), loader.next().expect("13")), (120, 130));
        let error = loader.next().expect_err("unit 7 panics").to_string();
        assert!(error.contains("seven is a defect"), "{error}");
        assert_eq!(loader.next().expect("16"), 160);
    }

    #[test]
    fn the_queue_is_bounded_and_dropping_ends_the_threads() {
        let plan = Tens::new(1);
        let made = Arc::clone(&plan.made);
        let mut loader = Loader::new(plan, LoaderOptions { threads: 3, queue: 2 }, 0).expect("starts");
        loader.next().expect("batch");
        std::thread::sleep(Duration::from_millis(60));
        assert!(made.load(Ordering::SeqCst) <= 3);
        drop(loader);
        let after = made.load(Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(made.load(Ordering::SeqCst), after);
    }

    #[test]
    fn the_wait_report_tells_a_slow_loader_from_a_slow_consumer() {
        let slow = Tens { slow: Duration::from_millis(20), ..Tens::new(1) };
        let mut loader = Loader::new(slow, LoaderOptions { threads: 1, queue: 1 }, 0).expect("starts");
        for _ in 0..5 {
            loader.next().expect("batch");
        }
        assert!(loader.wait_report().share() > 0.7);
        let mut loader = Loader::new(Tens::new(1), LoaderOptions::default(), 0).expect("starts");
        for _ in 0..5 {
            std::thread::sleep(Duration::from_millis(20));
            loader.next().expect("batch");
        }
        assert!(loader.wait_report().share() < 0.3);
    }
}
