//! This machine's clock, usable from any executor.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chaincity_engine::Clock;
use chaincity_types::Timestamp;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::runtime::Handle;

/// The system clock; sleeping is done by the runtime behind the handle.
#[derive(Clone, Debug)]
pub(crate) struct SystemClock(pub(crate) Handle);

/// The time now. A clock before 1970 counts as 1970: every transaction is refused then.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        now()
    }

    fn sleep_ms(&self, ms: u64) -> BoxFuture<'static, ()> {
        // Made inside the task: a timer made here would need this thread to have a runtime.
        let slept =
            self.0.spawn(async move { tokio::time::sleep(Duration::from_millis(ms)).await });
        slept.map(|_ended| ()).boxed()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_thread_without_a_runtime_of_its_own_may_wait_for_it() {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).enable_time().build().unwrap();
        let clock = SystemClock(runtime.handle().clone());
        let begun = std::time::Instant::now();
        futures::executor::block_on(clock.sleep_ms(20));
        assert!(begun.elapsed() >= Duration::from_millis(20));
    }
}
