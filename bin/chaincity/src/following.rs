//! The read model follows final blocks, in steps of as many as have gathered.
//!
//! A step writes each page it touches once, so many blocks together cost less than one by one. A
//! thread that has caught up therefore rests in proportion to the step before: hardly at all when
//! blocks are light, so that whoever wrote finds it at once, and [`REST_MAX`] when the read model
//! would otherwise take more than about a fiftieth of a core. While behind it does not rest.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chaincity_engine::stage::{Stage, measure};
use chaincity_history::HistoryStore;
use chaincity_pipeline::NodeApi;
use chaincity_query::{QueryError, ReadModel};

use crate::fault::Fault;
use crate::node_config::NodeConfig;

/// Most blocks in one step.
const FOLLOW_BLOCKS: u64 = 64;
/// A rest is so many times as long as the step before.
const REST: u32 = 50;
/// Longest rest.
const REST_MAX: Duration = Duration::from_millis(500);

/// How long blocks gather after a step that took `spent`.
fn rest(spent: Duration) -> Duration {
    spent.saturating_mul(REST).min(REST_MAX)
}

/// Opens the read model (rebuilt when it is damaged) and keeps it following on its own thread. Another
/// checks the file meanwhile; when it is not whole, `damaged` is told why.
pub(crate) fn follow(
    config: &NodeConfig,
    api: &Arc<dyn NodeApi>,
    history: &Arc<dyn HistoryStore>,
    damaged: impl FnOnce(String) + Send + 'static,
) -> Result<Arc<ReadModel>, Fault> {
    let path = config.data.join("read-model.sqlite");
    let packages = api.packages();
    let model = match ReadModel::open(&path, Arc::clone(history), &packages) {
        Ok(model) => model,
        Err(error) => {
            tracing::warn!(%error, "the read model is rebuilt from history");
            chaincity_query::rebuild(&path, history, &packages, &mut |_, _| {})
                .map_err(Fault::form(&path))?
        }
    };
    let model = Arc::new(model);
    let (api, followed) = (Arc::clone(api), Arc::clone(&model));
    std::thread::Builder::new()
        .name("chaincity-follow".into())
        .spawn(move || follow_loop(&*api, &followed))
        .map_err(Fault::io(&path))?;
    let checked = Arc::clone(&model);
    let check = move || match checked.check_structure() {
        Ok(()) => {}
        Err(error @ QueryError::Damaged(_)) => damaged(error.to_string()),
        Err(error) => tracing::warn!(%error, "the read model could not be checked"),
    };
    std::thread::Builder::new()
        .name("chaincity-check".into())
        .spawn(check)
        .map_err(Fault::io(&path))?;
    Ok(model)
}

/// Follows final blocks until the process ends. Never holds up consensus: it reads history.
fn follow_loop(api: &dyn NodeApi, model: &ReadModel) {
    loop {
        let begun = Instant::now();
        let recent = |height| api.written(height);
        let step = || model.catch_up_with(&api.packages(), FOLLOW_BLOCKS, &recent);
        match measure(Stage::ReadModel, step) {
            Ok(progress) if progress.done => {
                if progress.applied > 0 {
                    std::thread::sleep(rest(begun.elapsed()));
                }
                let height = progress.height.unwrap_or_default();
                futures::executor::block_on(api.wait_above(height));
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "the read model waits");
                let height = api.status().height;
                futures::executor::block_on(api.wait_above(height));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn light_steps_follow_at_once_and_heavy_ones_gather_for_half_a_second_at_most() {
        assert_eq!(rest(Duration::from_micros(300)), Duration::from_millis(15));
        assert_eq!(rest(Duration::from_millis(4)), Duration::from_millis(200));
        assert_eq!(rest(Duration::from_secs(3)), REST_MAX);
        assert_eq!(rest(Duration::MAX), REST_MAX);
    }
}
