//! What is played: a sale from its beginning to the archive; one in which a court seals the house
//! after the joint application and before the entries, and lifts the seal; one that such a seal ends.

use std::time::Duration;

use chaincity_client::api::record::Record;
use chaincity_client::{Select, call};
use chaincity_types::calendar::days_of_date;
use chaincity_types::wire::Event;
use chaincity_types::{Timestamp, Value};
use serde_json::Value as Json;

use super::cast::{BUYERS, ESCROW_BANK, LENDER, OTHERS, PAYOFF_BANK, REGISTRY, SELLERS};
use super::deal::{self, Deal};
use super::desk::{Desk, text};
use super::forms::{Fields, PROCESS};
use super::office::{applied, attempt, refused, work};
use super::play::Play;
use super::report::Refusal;
use super::table;
use super::town::Town;
use crate::actor::{Done, Sent, fields, key_of, remote};
use crate::clock;
use crate::commands::today_in_china;
use crate::fault::Fault;

/// The task that books everything.
const COMMIT: &str = "commit-release";
/// How a sale ends that is archived.
pub(super) const COMPLETED: &str = "completed";
/// How long before now the court's notice was served.
const SERVED: Duration = Duration::from_secs(60);
/// How long the seal would last, in days.
const SEAL_DAYS: i32 = 1_095;

/// A play: what is sold, what the story adds, how it ends.
pub(super) struct Script {
    pub(super) deal: &'static Deal,
    /// Nodes that nobody takes until the story lets go of them.
    pub(super) held: &'static [&'static str],
    /// What comes in between; gives what was refused, as it should be.
    pub(super) between: fn(&Play<'_>) -> Result<Vec<Refusal>, Fault>,
    /// What must be true at the end.
    pub(super) check: fn(&Desk<'_>) -> Result<(), Fault>,
    /// How the report calls this end.
    pub(super) outcome: &'static str,
}

/// Nothing disturbs it.
pub(super) const PLAIN: Script = Script {
    deal: &deal::PLAIN,
    held: &[],
    between: |_| Ok(Vec::new()),
    check: sold,
    outcome: COMPLETED,
};

/// A seal comes in between, and is lifted.
pub(super) const SEALED: Script = Script {
    deal: &deal::SEALED,
    held: &[COMMIT],
    between: sealed,
    check: sold,
    outcome: COMPLETED,
};

/// A seal comes in between, and the couples withdraw.
pub(super) const WITHDRAWN: Script = Script {
    deal: &deal::WITHDRAWN,
    held: &[COMMIT],
    between: withdrawn,
    check: called_off,
    outcome: "called-off",
};

/// Begins the case and lets everybody work until it has ended.
pub(super) fn play<'t>(town: &'t Town, script: &Script) -> Result<(Play<'t>, Vec<Refusal>), Fault> {
    let play = Play::new(town, script.deal, begin(town, script.deal)?, script.held);
    let refusals = std::thread::scope(|scope| {
        let play = &play;
        for person in &town.people {
            scope.spawn(move || work(play, person));
        }
        let told = (script.between)(play).and_then(|told| until_ended(play).map(|()| told));
        play.end();
        told
    })?;
    if let Some(fault) = play.fault() {
        return Err(fault);
    }
    (script.check)(&Desk { play: &play, person: town.person("registrar")? })?;
    Ok((play, refusals))
}

/// The variables with which a sale begins.
fn variables(deal: &Deal) -> [(&'static str, String); 6] {
    let all = |parties: &[&str]| format!("[\"{}\"]", parties.join("\",\""));
    [
        ("unit", deal.unit.to_owned()),
        ("escrow_bank", ESCROW_BANK.to_owned()),
        ("payoff_bank", PAYOFF_BANK.to_owned()),
        ("loan_bank", LENDER.to_owned()),
        ("sellers", all(&SELLERS)),
        ("buyers", all(&BUYERS)),
    ]
}

/// The registry's window begins the case.
fn begin(town: &Town, deal: &Deal) -> Result<(String, Timestamp), Fault> {
    let set = variables(deal).map(|(name, value)| (name.into(), value.as_str().into()));
    let subjects = vec![deal.about().as_str().into()];
    let input = fields([
        ("package", PROCESS.0.into()),
        ("process", PROCESS.1.into()),
        ("set", Value::Map(set.into())),
        ("subjects", Value::List(subjects)),
        ("number", deal.number.into()),
        ("title", "带抵押存量房买卖".into()),
    ]);
    let sent = town.person("acceptor")?.actor.send(vec![call("case", "start", input)])?;
    let sent = applied("start", sent)?;
    let Done::Applied(events) = &sent.done else { return Err(refused("start", "")) };
    Ok((key_of(events, "case")?, sent.time))
}

fn until_ended(play: &Play<'_>) -> Result<(), Fault> {
    let client = &play.town.person("acceptor")?.actor.client;
    play.until("end", || {
        let case = client.record("case", "case", &play.case).map_err(remote)?;
        let status = case.as_ref().map(|case| text(case, "status").to_owned());
        match status.as_deref() {
            Some("completed") => Ok(Some(())),
            Some("running" | "suspended") | None => Ok(None),
            Some(other) => Err(Fault::other(
                format!("办件以 {other} 结束"),
                format!("the case ended as {other}"),
            )),
        }
    })
}

/// 法院查封: everything is signed and guaranteed, and the entries are about to be made.
struct Interrupted<'p> {
    registrar: Desk<'p>,
    /// The entries, which nobody has claimed.
    task: Record,
    seal: String,
    refusal: Refusal,
}

/// The court seals the house; the registrar, who has not heard of it, tries all the same: the register
/// itself refuses, and the window is told (中止).
fn interrupt<'p>(play: &'p Play<'p>) -> Result<Interrupted<'p>, Fault> {
    let registrar = Desk { play, person: play.town.person("registrar")? };
    let select = Select::new("case", "task").eq("case", &play.case).eq("node", COMMIT);
    let select = select.eq("status", "open");
    let client = &registrar.person.actor.client;
    let open = || Ok(client.select(&select).map_err(remote)?.items.into_iter().next());
    let task = play.until(COMMIT, open)?;
    let seal = seal(play)?;
    let entry = table::find(COMMIT).ok_or_else(|| Fault::other("没有登簿", "no entries"))?;
    let refusal = refusal(attempt(&registrar, entry, &task)?, "unit-sealed")?;
    untouched(&registrar)?;
    play.until_done("suspend")?;
    Ok(Interrupted { registrar, task, seal, refusal })
}

/// The window suspends the case, and nobody works on it, until the seal is lifted.
fn sealed(play: &Play<'_>) -> Result<Vec<Refusal>, Fault> {
    let Interrupted { registrar, task, seal, refusal: first } = interrupt(play)?;
    keep(play, "suspend", "法院查封，中止办理，款项留存监管账户")?;
    let claim = call("case", "claim", fields([("task", task.key.as_str().into())]));
    let second = refusal(registrar.person.actor.send(vec![claim])?, "case-state")?;
    untouched(&registrar)?;
    let input =
        fields([("seal", seal.as_str().into()), ("document", "（2026）湘1302执456号之一".into())]);
    court(play, "unseal", ("法院解封", "Seal lifted"), input)?;
    keep(play, "resume", "查封已解除，恢复办理")?;
    play.until_done("resume")?;
    play.let_go(COMMIT);
    Ok(vec![first, second])
}

/// Nobody waits for the court: both couples withdraw, the window passes it on.
fn withdrawn(play: &Play<'_>) -> Result<Vec<Refusal>, Fault> {
    let Interrupted { refusal, .. } = interrupt(play)?;
    let input = fields([("case", play.case.as_str().into()), ("message", "withdrawal".into())]);
    let person = play.town.person("acceptor")?;
    let sent = person.actor.send(vec![call("case", "message", input)])?;
    let sent = applied("withdrawal", sent)?;
    play.note("withdrawal", ("双方撤回", "Both couples withdraw"), person.seat, &sent);
    Ok(vec![refusal])
}

fn seal(play: &Play<'_>) -> Result<String, Fault> {
    let today = days_of_date(today_in_china());
    let served = u64::try_from(SERVED.as_millis()).unwrap_or(u64::MAX);
    let served = Timestamp(clock::now().0.saturating_sub(served));
    let input = fields([
        ("unit", play.deal.unit.into()),
        ("document", "（2026）湘1302执456号".into()),
        ("served", Value::Time(served)),
        ("from", Value::Date(today)),
        ("to", Value::Date(today.saturating_add(SEAL_DAYS))),
    ]);
    key_of(&court(play, "seal", ("法院查封", "Sealed by the court"), input)?, "seal")
}

/// What the court does stands in the time line as any step.
fn court(
    play: &Play<'_>,
    action: &str,
    name: (&str, &str),
    input: Fields,
) -> Result<Vec<Event>, Fault> {
    let person = play.town.person("court")?;
    let sent = applied(action, person.actor.send(vec![call("real-estate", action, input)])?)?;
    play.note(action, name, person.seat, &sent);
    match sent.done {
        Done::Applied(events) => Ok(events),
        Done::Refused(code) => Err(refused(action, &code)),
    }
}

/// The case is suspended or resumed by who keeps it.
fn keep(play: &Play<'_>, action: &str, reason: &str) -> Result<(), Fault> {
    let input = fields([("case", play.case.as_str().into()), ("reason", reason.into())]);
    let person = play.town.person("acceptor")?;
    let sent = applied(action, person.actor.send(vec![call("case", action, input)])?)?;
    let (node, name) = match action {
        "suspend" => ("case-suspended", ("办件中止", "Case suspended")),
        _ => ("case-resumed", ("办件恢复", "Case resumed")),
    };
    play.note(node, name, person.seat, &sent);
    Ok(())
}

fn refusal(sent: Sent, code: &str) -> Result<Refusal, Fault> {
    match sent.done {
        Done::Refused(found) if found == code => Ok(Refusal {
            node: COMMIT.to_owned(),
            code: found,
            transaction: sent.transaction.to_string(),
        }),
        Done::Refused(found) => Err(refused(COMMIT, &found)),
        Done::Applied(_) => Err(Fault::other("已查封的房屋竟已登簿", "a sealed house was booked")),
    }
}

/// Nothing of a refused transaction has happened: the mortgage stands, the money stays where it is.
fn untouched(desk: &Desk<'_>) -> Result<(), Fault> {
    let unit = desk.play.deal.unit;
    desk.record(("real-estate", "mortgage"), &[("unit", unit), ("mortgagee", PAYOFF_BANK)])?;
    desk.payment("own", "held")?;
    expect(text(&desk.sheet()?, "state"), "guaranteed")
}

fn expect(found: &str, wanted: &str) -> Result<(), Fault> {
    if found == wanted {
        return Ok(());
    }
    Err(Fault::other(
        format!("应为 {wanted}，实为 {found}"),
        format!("{wanted} was expected, and {found} found"),
    ))
}

/// What must be true when a sale is archived.
fn sold(desk: &Desk<'_>) -> Result<(), Fault> {
    let unit = desk.play.deal.unit;
    expect(&holders(desk)?, &BUYERS.join(" "))?;
    let mortgage = desk.record(("real-estate", "mortgage"), &[("unit", unit)])?;
    expect(text(&mortgage, "mortgagee"), LENDER)?;
    let [buyer, _] = BUYERS;
    let accounts = desk.records(("utilities", "account"), &[("unit", unit), ("holder", buyer)])?;
    expect(&accounts.len().to_string(), "4")?;
    expect(&closed_sheet(desk)?, "settled")
}

/// What must be true when a sale is called off: everything is as it was, and the money is back.
fn called_off(desk: &Desk<'_>) -> Result<(), Fault> {
    let unit = desk.play.deal.unit;
    expect(&holders(desk)?, &SELLERS.join(" "))?;
    let mortgage = desk.record(("real-estate", "mortgage"), &[("unit", unit)])?;
    expect(text(&mortgage, "mortgagee"), PAYOFF_BANK)?;
    let notices = desk.records(("real-estate", "notice"), &[("unit", unit)])?;
    let open = desk.applications()?.len().saturating_add(notices.len());
    expect(&open.to_string(), "0")?;
    expect(&closed_sheet(desk)?, "void")
}

/// Who holds title.
fn holders(desk: &Desk<'_>) -> Result<String, Fault> {
    let title = desk.record(("real-estate", "right"), &[("unit", desk.play.deal.unit)])?;
    let holders = title.fields.get("holders").and_then(Json::as_array).into_iter().flatten();
    let holders: Vec<&str> = holders.filter_map(|holder| holder.get("subject")?.as_str()).collect();
    Ok(holders.join(" "))
}

/// How the escrow ended.
fn closed_sheet(desk: &Desk<'_>) -> Result<String, Fault> {
    let select = Select::new("settlement", "sheet").eq("unit", desk.play.deal.unit);
    let closed = desk.person.actor.client.select(&select.status("closed")).map_err(remote)?;
    let state = closed.items.first().map(|sheet| text(sheet, "state").to_owned());
    Ok(state.unwrap_or_default())
}

/// Organisations that take part, in the order in which they sit.
pub(super) fn organisations(town: &Town) -> Vec<&'static str> {
    let mut members = vec![REGISTRY];
    let seats = town.people.iter().map(|person| person.seat).filter(|seat| !seat.is_citizen());
    let court = OTHERS.iter().filter(|seat| seat.name == "court");
    for seat in seats.chain(court) {
        if !members.contains(&seat.member) {
            members.push(seat.member);
        }
    }
    members
}
