//! The sale of a mortgaged house, played on the city as a case: every organisation works its own task
//! list with its own key, side by side, and the ledger alone holds them together.
//!
//! The process is `packages/real-estate/processes/sale-mortgaged.bpmn`. [`table`] says what each does
//! at each of its places; [`office`] is whoever does it; [`story`] is what is played.

mod bank;
mod bell;
mod cast;
mod chart;
mod deal;
mod desk;
mod forms;
mod office;
mod play;
mod prepare;
mod report;
mod safe;
mod story;
mod table;
mod town;

use chaincity_types::Timestamp;

use crate::city::City;
use crate::cluster::Cluster;
use crate::demo::timeline::{Said, Timeline};
use crate::fault::Fault;

pub(super) use bank::program;
pub(super) use cast::{CITIZENS, STEWARDS};
pub(super) use forms::PACKAGES;
pub(crate) use report::Sale;

use bank::{Bank, Paid};
use chart::Row;
use play::Play;
use report::{Played, Refusal};
use story::Script;
use town::Town;

/// Plays the sales.
pub(super) fn play(city: &City, cluster: &Cluster, timeline: &mut Timeline) -> Result<(), Fault> {
    let mut ready = None;
    timeline.step("sale-prepared", |report| {
        report.private_values.extend(deal::private_values());
        let town = Town::open(city, cluster)?;
        let grant = prepare::prepare(&town)?;
        ready = Some((town, grant));
        Ok((
            "三套带抵押的房屋、四家供应单位及户号、共享目录就绪".to_owned(),
            "three mortgaged houses, four suppliers with their accounts, the catalogue".to_owned(),
        ))
    })?;
    let Some((town, grant)) = ready else {
        return Err(Fault::other("没有人", "nobody is there"));
    };
    let mut opened = None;
    timeline.step("bank-started", |_| {
        opened = Some(Bank::open(city, cluster, &grant)?);
        Ok((
            "监管银行的核心系统（模拟）和银行接口启动，各为独立进程；款项由其支付、回单".to_owned(),
            "the escrow bank's core system (simulated) and the bank port run, each a process of \
             its own: they pay and confirm"
                .to_owned(),
        ))
    })?;
    let Some(bank) = opened else { return Err(Fault::other("没有银行", "there is no bank")) };
    let members = story::organisations(&town);
    let mut plays = Vec::new();
    for (name, script, said) in SCRIPTS {
        let mut lines = Vec::new();
        timeline.expect(name, |_| {
            let (play, refusals) = story::play(&town, script)?;
            lines = told(&play, script);
            plays.push(Played::of(&play, script.outcome, &refusals));
            Ok((refusals.first().map(|refusal| refusal.code.clone()), said(&play, &refusals)))
        })?;
        timeline.list(&lines)?;
    }
    let mut books = None;
    timeline.step("bank-books", |_| {
        let paid: Vec<&Paid> = plays.iter().flat_map(|play: &Played| &play.payments).collect();
        let found = bank.compare(&paid)?;
        let payments = found.payments();
        books = Some(found);
        Ok((
            format!("银行账与账本回单逐笔一致：{payments} 笔付款，监管账户付清"),
            format!(
                "the bank's books agree with the ledger's confirmations: {payments} payments, \
                 nothing is left in escrow"
            ),
        ))
    })?;
    timeline.report.sale = books.map(|books| Sale::of(&town, &members, plays, books));
    Ok(())
}

/// What is said of a play when it has ended.
type Saying = fn(&Play<'_>, &[Refusal]) -> Said;

/// The plays, in order.
const SCRIPTS: [(&str, &Script, Saying); 3] = [
    ("sale-in-parallel", &story::PLAIN, ended),
    ("sale-with-seal", &story::SEALED, interrupted),
    ("sale-withdrawn", &story::WITHDRAWN, called_off),
];

fn ended(play: &Play<'_>, _: &[Refusal]) -> Said {
    let organisations = story::organisations(play.town).len();
    let (signatures, trips) = play.citizens();
    let seconds = length(play);
    (
        format!(
            "带抵押房屋买卖：{organisations} 家单位各自并行，账本时间 {seconds} 秒办结；\
             买卖双方授意 {signatures} 次，跑 {trips} 趟（以往：据报道 30 天、6 趟）。\
             人阅读、判断、决定的时间不在其中"
        ),
        format!(
            "the sale of a mortgaged house: {organisations} organisations side by side, done in \
             {seconds} s of the ledger's time; the couples signed {signatures} times and went \
             nowhere ({trips} trips; before: 30 days and 6 trips, as reports have it). The time \
             people take to read and decide is not in it"
        ),
    )
}

fn interrupted(play: &Play<'_>, refusals: &[Refusal]) -> Said {
    let codes: Vec<&str> = refusals.iter().map(|refusal| refusal.code.as_str()).collect();
    let (codes, seconds) = (codes.join("、"), length(play));
    (
        format!(
            "再办一宗：登簿前法院查封，登簿被驳回（{codes}），办件中止，款项留在监管账户；\
             解封后复核恢复，{seconds} 秒办结"
        ),
        format!(
            "again, with a court's seal before the entries: they are refused ({codes}), the case \
             is suspended, the money stays in escrow; after the seal is lifted it is checked \
             again and goes on, done in {seconds} s"
        ),
    )
}

fn called_off(play: &Play<'_>, refusals: &[Refusal]) -> Said {
    let codes: Vec<&str> = refusals.iter().map(|refusal| refusal.code.as_str()).collect();
    let (codes, seconds) = (codes.join("、"), length(play));
    (
        format!(
            "第三宗：查封不解（登簿被驳回：{codes}），双方撤回，监管撤销、自有资金退回、预告注销、\
             申请撤回、网签撤销，{seconds} 秒办结，登记簿一切如旧"
        ),
        format!(
            "a third: the seal stays (refused: {codes}), the couples withdraw; escrow void, money \
             paid back, notice, applications and contract undone in {seconds} s, the register as \
             it was"
        ),
    )
}

fn length(play: &Play<'_>) -> String {
    let end = play.lines().last().map_or(play.began, |line| line.done);
    chart::seconds(end.0.saturating_sub(play.began.0))
}

/// The time line: each step with its bar; of a sale, each phase with what was before.
fn told(play: &Play<'_>, script: &Script) -> Vec<String> {
    let since = |at: Timestamp| at.0.saturating_sub(play.began.0);
    let row = |line: play::Line| {
        let (zh, en) = line.name;
        let (who_zh, who_en) = if line.seat.is_citizen() {
            ("当事人本人".to_owned(), "one of the couples".to_owned())
        } else {
            play.town.name(line.seat.member)
        };
        Row {
            node: line.node,
            name: format!("{zh} · {en}"),
            who: format!("{who_zh} · {who_en}"),
            open: since(line.opened),
            done: since(line.done),
        }
    };
    let rows: Vec<Row> = play.lines().into_iter().map(row).collect();
    let mut lines = vec![format!(
        "时间线 · time line: {} {}（秒，账本时间 · seconds of the ledger's time）",
        play.deal.number, play.case
    )];
    lines.extend(chart::steps(&rows));
    if script.outcome == story::COMPLETED {
        lines.push(String::new());
        lines.push(BESIDE.to_owned());
        lines.extend(chart::beside(&rows));
    }
    lines
}

/// What stands above the phases.
const BESIDE: &str = "与以往相比（以往据报道：政府 15 天，加两家银行共 30 天；5–6 趟，3 个部门，20 余份\
                      材料） · beside the old way (as reports have it: 15 days at the government, \
                      30 with two banks; 5 to 6 trips, 3 departments, more than 20 documents)";
