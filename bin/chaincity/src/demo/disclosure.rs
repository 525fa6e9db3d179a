//! Sharing: the registry catalogues its encrypted groups, a bank is granted one, reads it on the
//! record, and is refused another.

use std::collections::BTreeMap;
use std::time::Duration;

use chaincity_client::{Answer, Basis, Read, Reading};
use chaincity_types::calendar::days_of_date;
use chaincity_types::{Digest, Str, Value};

use crate::actor::{Actor, fields, key_of, remote};
use crate::city::City;
use crate::demo::day::Day;
use crate::demo::timeline::Timeline;
use crate::fault::Fault;

/// The resource's code in the catalogue.
const RESOURCE: &str = "431300-0001";
const PURPOSE: &str = "核实抵押物成交价";
const CASE: &str = "甲银贷〔2026〕17号";
/// How long the steward's agent may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the grant lasts, in days.
const GRANT_DAYS: i32 = 365;

/// Those who share and read.
#[derive(Debug)]
pub(crate) struct Disclosure {
    keeper: Actor,
    editor: Actor,
    reader: Actor,
    /// The reader, at the node that keeps the vault.
    at_steward: Actor,
}

fn texts(texts: &[&str]) -> Value {
    Value::List(texts.iter().map(|text| Value::from(*text)).collect())
}

fn resource() -> BTreeMap<Str, Value> {
    fields([
        ("code", RESOURCE.into()),
        ("in_package", "real-estate".into()),
        ("register", "right".into()),
        ("groups", texts(&["deal", "holder-identity"])),
        ("claims", texts(&[])),
        ("title_zh", "不动产权利人身份及交易信息".into()),
        ("title_en", "Holders' identity and terms of deals in real estate".into()),
        ("sharing", "conditional".into()),
        ("conditions", "办理抵押贷款所必需".into()),
        ("update_cycle", "at-once".into()),
        ("standards", Value::List(Vec::new())),
        ("personal", Value::Bool(true)),
        ("assessment", "评估〔2026〕1号".into()),
    ])
}

fn application(today: i32) -> BTreeMap<Str, Value> {
    fields([
        ("resource", RESOURCE.into()),
        ("groups", texts(&["deal"])),
        ("claims", texts(&[])),
        ("purpose", PURPOSE.into()),
        ("item", "1143130000TEXT021M3430715001000".into()),
        ("basis", "商业银行法 36".into()),
        ("from", Value::Date(today)),
        ("to", Value::Date(today.saturating_add(GRANT_DAYS))),
        ("quota", Value::Int(100)),
        ("records_max", Value::Int(10)),
    ])
}

impl Disclosure {
    /// Signs everyone in.
    pub(crate) fn open(
        city: &City,
        urls: &[String],
        steward: &str,
        ledger: Digest,
    ) -> Result<Self, Fault> {
        let actor = |name: &str| Actor::sign_in(urls, ledger, city.key(name)?);
        Ok(Self {
            keeper: actor("keeper")?,
            editor: actor("catalogue")?,
            reader: actor("bank-a")?,
            at_steward: Actor::sign_in(&[steward.to_owned()], ledger, city.key("bank-a")?)?,
        })
    }

    /// From the catalogue to the price on the bank's desk.
    pub(crate) fn play(&self, day: &Day, timeline: &mut Timeline) -> Result<(), Fault> {
        let mut grant = String::new();
        timeline.step("grant", |_| {
            grant = self.granted()?;
            Ok((
                format!("登记中心编目，甲银行申请，登记中心授权：{grant}，仅限交易信息"),
                format!(
                    "the registry catalogues, bank A applies and is granted the deal alone: {grant}"
                ),
            ))
        })?;
        timeline.step("read-price", |report| {
            // For which case it is read, the steward's vault alone holds.
            report.private_values.push(CASE.to_owned());
            let read = self.read(day, &grant, "deal")?;
            let Answer::Given { number: access, given } = read else {
                return Err(unexpected(&read));
            };
            let price = given.groups.first().and_then(|(_, fields)| fields.get("price")?.as_int());
            price.ok_or_else(|| Fault::other("没有价格", "no price was read"))?;
            Ok((
                format!("甲银行读得成交价：调用 {access}，先放行入账，再交密封数据，本地打开"),
                format!(
                    "bank A reads the price: access {access}, released on the ledger, opened at \
                     the bank"
                ),
            ))
        })?;
        timeline.expect("read-beyond-grant", |_| {
            let read = self.read(day, &grant, "holder-identity")?;
            let Answer::Refused { number: access, code, .. } = &read else {
                return Err(unexpected(&read));
            };
            if code != "groups-exceed-grant" {
                return Err(unexpected(&read));
            }
            let zh = format!("拒绝：授权不含身份信息（{code}），调用 {access} 仍记录在案");
            let en = format!(
                "refused: the grant does not cover identity; access {access} is on the record"
            );
            Ok((Some(code.clone()), (zh, en)))
        })
    }

    /// Catalogue entry, application, grant: its number.
    fn granted(&self) -> Result<String, Fault> {
        let today = days_of_date(crate::commands::today_in_china());
        let call = |actor: &Actor, action: &str, input| {
            actor.apply("disclosure", action, input, Vec::new())
        };
        call(&self.keeper, "publish-resource", resource())?;
        call(&self.editor, "list-resource", fields([("resource", RESOURCE.into())]))?;
        let applied = call(&self.reader, "apply-use", application(today))?;
        let reason =
            fields([("zh", "符合共享条件".into()), ("en", "the conditions are met".into())]);
        let decision = fields([
            ("application", key_of(&applied, "application")?.as_str().into()),
            ("reason", Value::Map(reason)),
        ]);
        key_of(&call(&self.keeper, "grant-use", decision)?, "grant")
    }

    fn read(&self, day: &Day, grant: &str, group: &str) -> Result<Read, Fault> {
        let right = ("real-estate", "right", day.sold());
        let reading = Reading {
            groups: vec![group.to_owned()],
            case: Some(CASE.to_owned()),
            ..Reading::of("registry", right, PURPOSE, Basis::Grant(grant.to_owned()))
        };
        self.reader.client.read(&reading, &self.at_steward.client, PATIENCE).map_err(remote)
    }
}

/// What was read is not told.
fn unexpected(read: &Read) -> Fault {
    let (zh, en) = match read {
        Answer::Given { .. } => ("竟已打开".to_owned(), "it was opened".to_owned()),
        Answer::Refused { code, .. } => {
            (format!("被拒绝：{code}"), format!("it was refused: {code}"))
        }
        Answer::Rejected { code } => {
            (format!("未受理：{code}"), format!("it was rejected: {code}"))
        }
        Answer::Unanswered { .. } => ("未获答复".to_owned(), "it was not answered".to_owned()),
    };
    Fault::other(format!("数据调用：{zh}"), format!("the access: {en}"))
}
