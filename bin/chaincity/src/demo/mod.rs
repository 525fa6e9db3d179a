//! `chaincity demo`: a whole city on this machine, from keys to an offline proof.
//!
//! Everything is real: five processes, consensus over sockets, the public API, SIGKILL. The real
//! data is shown as a sample city's, not as this consortium's district; its owners are synthetic.

mod day;
mod disclosure;
mod load;
mod sale;
mod timeline;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use chaincity_crypto::hash;
use chaincity_types::Digest;

use crate::actor::{Actor, remote};
use crate::city::{City, Plan, free_ports, node_count, whole_sample};
use crate::clock;
use crate::cluster::Cluster;
use crate::fault::Fault;
use crate::{measures, shipped};

use day::Day;
use disclosure::Disclosure;
use timeline::{Crash, Timeline};

/// Blocks in an epoch: short, so that the demo crosses several.
const EPOCH_BLOCKS: u64 = 100;
/// The node that is killed.
const VICTIM: &str = "housing";
/// The member whose node keeps a vault.
const STEWARD: &str = "registry";
/// How long catching up and agreeing may take.
const PATIENCE: Duration = Duration::from_secs(90);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// Marks a folder as the demo's own, which it may replace.
const MARKER: &str = ".chaincity-demo";

/// How the demo runs.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Synthetic units of this consortium's district.
    pub(crate) units: u64,
    /// Folder of the city.
    pub(crate) dir: PathBuf,
    /// Folder of the real data.
    pub(crate) data: PathBuf,
    /// Whether to end afterwards.
    pub(crate) exit: bool,
    /// Where to write the report.
    pub(crate) report: Option<PathBuf>,
}

/// Plays the demo; whether everything went as it should.
pub(crate) fn run(options: &Options) -> Result<bool, Fault> {
    let mut timeline = Timeline::new();
    let played = play(options, &mut timeline);
    timeline.report.ok = played.is_ok() && timeline.report.steps.iter().all(|step| step.ok);
    if let Some(path) = &options.report {
        let json = serde_json::to_vec_pretty(&timeline.report).map_err(Fault::form(path))?;
        fs::write(path, json).map_err(Fault::io(path))?;
    }
    let (city, cluster) = played?;
    let stdout = Path::new("stdout");
    timeline.say("演示完成", "the demo is complete").map_err(Fault::io(stdout))?;
    if !options.exit {
        stay(&timeline, &city, &cluster)?;
    }
    Ok(timeline.report.ok)
}

fn play(options: &Options, timeline: &mut Timeline) -> Result<(City, Cluster), Fault> {
    sale::program()?;
    let mut founded = None;
    timeline.step("found-city", |_| {
        let city = found(&options.dir)?;
        let ledger = hash::ledger_id(&city.genesis);
        founded = Some(city);
        Ok((
            format!(
                "建立联盟：登记中心、法院、两家银行、住房保障局各有节点，监管银行、税务、\
                 公用事业等经其节点接入；账本 {ledger}"
            ),
            "a consortium is founded: registry, court, two banks and housing bureau with a node \
             each, escrow bank, tax bureau, utilities and others through these"
                .to_owned(),
        ))
    })?;
    let Some(city) = founded else { return Err(Fault::other("没有城市", "no city")) };
    let ledger = hash::ledger_id(&city.genesis);
    let mut started = None;
    timeline.step("start-nodes", |report| {
        let cluster = Cluster::start(&city)?;
        report.nodes = cluster.nodes.len();
        started = Some(cluster);
        Ok((
            "启动四个共识节点和一个观察节点（各为独立进程）".to_owned(),
            "four validators and one observer run, each a process of its own".to_owned(),
        ))
    })?;
    let Some(mut cluster) = started else { return Err(Fault::other("没有节点", "no nodes")) };
    let urls = cluster.urls();
    load::load(options, &city, &urls, ledger, timeline)?;
    let steward = cluster.position(STEWARD).and_then(|index| urls.get(index)).cloned();
    let steward = steward.unwrap_or_default();
    let mut day = Day::open(&city, &urls, &steward, ledger)?;
    day.morning(timeline)?;
    let killed = kill(&mut cluster, timeline)?;
    day.sell(timeline)?;
    Disclosure::open(&city, &urls, &steward, ledger)?.play(&day, timeline)?;
    day.seal(timeline)?;
    day.correct(timeline)?;
    restart(&mut cluster, timeline, killed)?;
    sale::play(&city, &cluster, timeline)?;
    agree(&city, &cluster, ledger, timeline)?;
    prove(options, &city, &urls, ledger, timeline)?;
    for node in &cluster.nodes {
        let path = city.node_dir(&node.name).join("metrics.txt");
        fs::write(&path, measures::fetch(&node.url)?).map_err(Fault::io(&path))?;
    }
    Ok((city, cluster))
}

/// Makes the city's folder; replaces one that an earlier demo made.
fn found(dir: &Path) -> Result<City, Fault> {
    if dir.join(MARKER).exists() {
        fs::remove_dir_all(dir).map_err(Fault::io(dir))?;
    }
    fs::create_dir_all(dir).map_err(Fault::io(dir))?;
    let mut entries = fs::read_dir(dir).map_err(Fault::io(dir))?;
    if entries.next().is_some() {
        return Err(Fault::other(
            format!("目录 {} 非空", dir.display()),
            format!("the folder {} is not empty", dir.display()),
        ));
    }
    let marker = dir.join(MARKER);
    fs::write(&marker, b"").map_err(Fault::io(&marker))?;
    let members = whole_sample(&[day::CITIZENS, sale::CITIZENS].concat());
    let packages = sale::PACKAGES.map(|id| Ok(shipped::source(id)?.doc.to_bytes()));
    let city = City::create(&Plan {
        dir: dir.to_owned(),
        ports: free_ports(node_count(&members))?,
        members,
        epoch_blocks: EPOCH_BLOCKS,
        time: clock::now(),
        packages: packages.into_iter().collect::<Result<_, Fault>>()?,
    })?;
    for (node, agent) in sale::STEWARDS {
        city.add_vault(node, agent)?;
    }
    Ok(city)
}

/// The greatest height that any node has.
fn tip(cluster: &Cluster) -> u64 {
    (0..cluster.nodes.len()).filter_map(|node| cluster.height(node)).max().unwrap_or(0)
}

fn kill(cluster: &mut Cluster, timeline: &mut Timeline) -> Result<Instant, Fault> {
    timeline.step("kill-node", |_| {
        if let Some(index) = cluster.position(VICTIM) {
            cluster.kill(index)?;
        }
        Ok((
            format!("以 SIGKILL 终止共识节点 {VICTIM}，业务继续"),
            format!("validator {VICTIM} is killed with SIGKILL; service goes on"),
        ))
    })?;
    Ok(Instant::now())
}

fn restart(cluster: &mut Cluster, timeline: &mut Timeline, killed: Instant) -> Result<(), Fault> {
    timeline.step("restart-node", |report| {
        let Some(index) = cluster.position(VICTIM) else { return Ok(Default::default()) };
        let downtime_s = killed.elapsed().as_secs_f64();
        let begun = Instant::now();
        cluster.spawn(index)?;
        cluster.wait_ready(index)?;
        let target = tip(cluster);
        wait("追赶", "catching up", || cluster.height(index).is_some_and(|h| h >= target))?;
        let caught_up_s = begun.elapsed().as_secs_f64();
        report.crash = Some(Crash { node: VICTIM.to_owned(), downtime_s, caught_up_s });
        Ok((
            format!("重启 {VICTIM}：停机 {downtime_s:.1} 秒，{caught_up_s:.1} 秒后追上"),
            format!(
                "{VICTIM} restarts: down {downtime_s:.1} s, caught up after {caught_up_s:.1} s"
            ),
        ))
    })
}

/// Compares the state roots of all nodes at one height.
fn agree(
    city: &City,
    cluster: &Cluster,
    ledger: Digest,
    timeline: &mut Timeline,
) -> Result<(), Fault> {
    timeline.step("compare-roots", |report| {
        let height = tip(cluster);
        let nodes = 0..cluster.nodes.len();
        let all = || nodes.clone().all(|node| cluster.height(node).is_some_and(|h| h >= height));
        wait("各节点达到同一高度", "all nodes at one height", all)?;
        let mut roots = Vec::new();
        for url in cluster.urls() {
            let actor = Actor::sign_in(&[url], ledger, city.key("registry-admin")?)?;
            let block = actor.client.block(height).map_err(remote)?;
            roots.push(block.map(|block| block.block.state_root).unwrap_or_default());
        }
        let first = roots.first().cloned().unwrap_or_default();
        if first.is_empty() || roots.iter().any(|root| *root != first) {
            return Err(Fault::other("状态根不一致", "the state roots differ"));
        }
        if let Some(sale) = &mut report.sale {
            (sale.height, sale.roots) = (height, roots.clone());
        }
        report.height = height;
        report.roots = roots;
        Ok((
            format!("五个节点在高度 {height} 状态根一致：{first}"),
            format!("all five nodes agree at height {height}"),
        ))
    })
}

/// Exports a proof and has a fresh process verify it, without network.
fn prove(
    options: &Options,
    city: &City,
    urls: &[String],
    ledger: Digest,
    timeline: &mut Timeline,
) -> Result<(), Fault> {
    timeline.step("verify-proof", |report| {
        let actor = Actor::sign_in(urls, ledger, city.key("registrar")?)?;
        let unit = Day::proved_unit();
        let proof = actor.client.record_proof("real-estate", "unit", unit, 0).map_err(remote)?;
        let trust = actor.client.trust_bundle().map_err(remote)?;
        let (proof_file, trust_file) =
            (options.dir.join("record.proof"), options.dir.join("trust.bundle"));
        fs::write(&proof_file, proof).map_err(Fault::io(&proof_file))?;
        fs::write(&trust_file, trust).map_err(Fault::io(&trust_file))?;
        let program = std::env::current_exe().map_err(Fault::io(Path::new("chaincity")))?;
        let program = program.with_file_name("chaincity-verify");
        let verified = Command::new(&program)
            .arg("record")
            .arg(&proof_file)
            .arg("--trust")
            .arg(&trust_file)
            .args(["--ledger", &ledger.to_string()])
            .output()
            .map_err(Fault::io(&program))?;
        if !verified.status.success() {
            let text = String::from_utf8_lossy(&verified.stdout).into_owned();
            return Err(Fault::other(
                format!("证明未通过验证：{text}"),
                format!("the proof does not verify: {text}"),
            ));
        }
        report.proof_verified = true;
        Ok((
            format!("导出证明并在新进程中离线验证：{}", proof_file.display()),
            "a proof is exported and verified offline in a fresh process".to_owned(),
        ))
    })
}

fn wait(zh: &str, en: &str, done: impl Fn() -> bool) -> Result<(), Fault> {
    let begun = Instant::now();
    while !done() {
        if begun.elapsed() > PATIENCE {
            return Err(Fault::other(format!("{zh}超时"), format!("{en} took too long")));
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// Stays up until interrupted, and says what to try.
fn stay(timeline: &Timeline, city: &City, cluster: &Cluster) -> Result<(), Fault> {
    let stdout = Path::new("stdout");
    let url = cluster.urls().into_iter().next().unwrap_or_default();
    let dir = city.dir.display();
    let program = std::env::current_exe().map_err(Fault::io(Path::new("chaincity")))?;
    let program = program.display();
    let ledger = hash::ledger_id(&city.genesis);
    timeline.say("接下来可以试：", "what to try next:").map_err(Fault::io(stdout))?;
    let verify = format!(
        "{program}-verify record {dir}/record.proof --trust {dir}/trust.bundle --ledger {ledger}"
    );
    let key = format!("--city {dir} --key {dir}/keys/registrar.key");
    let lines = [
        format!("{program} status --city {dir}"),
        format!("{program} query real-estate unit --limit 3 {key}"),
        format!("{program} history real-estate unit {} {key}", Day::proved_unit()),
        format!("curl -s {url}/v1/status"),
        verify,
    ];
    for line in lines {
        timeline.say(&line, "").map_err(Fault::io(stdout))?;
    }
    timeline.say("按 Ctrl-C 结束", "press Ctrl-C to end").map_err(Fault::io(stdout))?;
    let waiting = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let waiting = waiting.map_err(Fault::io(stdout))?;
    waiting.block_on(tokio::signal::ctrl_c()).map_err(Fault::io(stdout))
}
