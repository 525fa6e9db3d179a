//! What the demo's ledger holds before the day begins: the real data, then synthetic units.

use std::fs;
use std::io::BufWriter;

use chaincity_types::Digest;
use chaincity_types::calendar::days_of_date;

use super::Options;
use super::timeline::Timeline;
use crate::actor::Actor;
use crate::city::City;
use crate::fault::Fault;
use crate::import::meter::Meter;
use crate::import::remote::Remote;
use crate::import::run::{CallOutcome, Finished, Options as ImportOptions, Sink, run};
use crate::import::synthetic::synthetic_calls;
use crate::import::{check, mapping};
use crate::shipped;

/// Seed of the synthetic holders and units.
const SEED: u64 = 20_260_101;
/// Calls in one transaction of synthetic units.
const BATCH: usize = 64;

fn failed(what: impl std::fmt::Display) -> Fault {
    Fault::other(format!("导入失败：{what}"), format!("the import failed: {what}"))
}

/// Loads the ledger.
pub(super) fn load(
    options: &Options,
    city: &City,
    urls: &[String],
    ledger: Digest,
    timeline: &mut Timeline,
) -> Result<(), Fault> {
    timeline.step("import-real-data", |report| {
        let importer = Actor::sign_in(urls, ledger, city.key("importer")?)?;
        let text = shipped::file("real-estate", "imports/taipei.yaml")?;
        let package = shipped::source("real-estate")?.compile();
        let package = package.map_err(|problems| failed(format!("{problems:?}")))?;
        let today = days_of_date(crate::commands::today_in_china());
        let document = mapping::read(text).map_err(failed)?;
        let mapping = check::compile(&document, &package, today);
        let mapping = mapping.map_err(|problems| failed(format!("{problems:?}")))?;
        let aside = options.dir.join("set-aside.jsonl");
        let notes = BufWriter::new(fs::File::create(&aside).map_err(Fault::io(&aside))?);
        let mut sink = Remote::new(importer.client);
        let import = ImportOptions { seed: SEED, limit: None };
        let mut meter = Meter::silent();
        let summary = run(&mapping, &options.data, import, &mut sink, notes, &mut meter);
        let summary = summary.map_err(Fault::io(&options.data))?;
        if !summary.adds_up {
            return Err(failed("the counts do not add up"));
        }
        let total = &summary.total;
        report.imported = report.imported.saturating_add(total.imported);
        report.set_aside = total.set_aside;
        Ok((
            format!(
                "导入真实数据（样例城市：台北 2015 年第二季度）：读 {} 行，入账 {}，已有 {}，搁置 {}",
                total.read, total.imported, total.already_there, total.set_aside
            ),
            format!(
                "real data of a sample city: {} rows read, {} in, {} there already, {} set aside ({})",
                total.read, total.imported, total.already_there, total.set_aside, aside.display()
            ),
        ))
    })?;
    timeline.step("register-synthetic-units", |report| {
        let registrar = Actor::sign_in(urls, ledger, city.key("registrar")?)?;
        let mut sink = Remote::new(registrar.client);
        let mut applied = 0_u64;
        let mut count = |finished: Vec<Finished>| {
            for done in finished {
                let new = done.outcomes.iter().filter(|o| matches!(o, CallOutcome::Applied));
                applied = applied.saturating_add(u64::try_from(new.count()).unwrap_or(u64::MAX));
            }
        };
        let mut calls = synthetic_calls(SEED, 0..options.units);
        let mut number = 0_u64;
        loop {
            let batch: Vec<_> = calls.by_ref().take(BATCH).collect();
            if batch.is_empty() {
                break;
            }
            count(sink.submit(number, batch).map_err(failed)?);
            number = number.saturating_add(1);
        }
        count(sink.drain().map_err(failed)?);
        if applied != options.units {
            return Err(failed(format!("{applied} of {} units applied", options.units)));
        }
        report.imported = report.imported.saturating_add(applied);
        Ok((
            format!("首次登记本区合成单元 {applied} 个"),
            format!("{applied} synthetic units of the district are registered"),
        ))
    })
}
