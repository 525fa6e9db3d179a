//! A day at the registry, through the public API: registration, mortgage, sale, seal, correction.

use std::collections::BTreeMap;

use chaincity_types::calendar::days_of_date;
use chaincity_types::{Digest, Value};

use crate::actor::{Actor, Done, fields, key_of, sole};
use crate::city::City;
use crate::clock;
use crate::demo::timeline::{Said, Timeline};
use crate::fault::Fault;

/// The flats of the story: GB/T 37346 numbers in 娄星区.
const FLAT_A: &str = "431302001002GB00011F00010001";
const FLAT_B: &str = "431302001002GB00011F00010002";
/// Subject ids of the two citizens, 测试甲 and 测试乙: pseudonyms, no names.
pub(crate) const CITIZENS: &[(&str, &str)] =
    &[("citizen-a", "subject-demo-a"), ("citizen-b", "subject-demo-b")];
const SELLER: &str = "subject-demo-a";
const BUYER: &str = "subject-demo-b";

/// Everyone who acts.
#[derive(Debug)]
pub(crate) struct Day {
    registrar: Actor,
    court: Actor,
    bank: Actor,
    seller: Actor,
    buyer: Actor,
    /// Key of the second flat's ownership entry.
    title: String,
}

fn said(zh: impl Into<String>, en: impl Into<String>) -> Said {
    (zh.into(), en.into())
}

fn flat(number: &str, room: &str) -> BTreeMap<String, Value> {
    fields([
        ("number", number.into()),
        ("number_kind", "gbt37346".into()),
        ("location", format!("娄星区测试路1号1栋{room}室").as_str().into()),
        ("building_area", Value::Decimal { mantissa: 9050, scale: 2 }),
        ("use", "住宅".into()),
        ("holders", sole(SELLER)),
        ("basis", "商品房买卖合同".into()),
    ])
}

fn sale(unit: &str, price_fen: i64) -> BTreeMap<String, Value> {
    fields([
        ("unit", unit.into()),
        ("to", sole(BUYER)),
        ("basis", "存量房买卖合同".into()),
        ("price", Value::Int(price_fen)),
    ])
}

impl Day {
    /// Signs everyone in.
    pub(crate) fn open(city: &City, urls: &[String], ledger: Digest) -> Result<Self, Fault> {
        let actor = |name: &str| Actor::sign_in(urls, ledger, city.key(name)?);
        Ok(Self {
            registrar: actor("registrar")?,
            court: actor("court")?,
            bank: actor("bank-a")?,
            seller: actor("citizen-a")?,
            buyer: actor("citizen-b")?,
            title: String::new(),
        })
    }

    /// The morning: two flats are registered, one is mortgaged.
    pub(crate) fn morning(&mut self, timeline: &mut Timeline) -> Result<(), Fault> {
        timeline.step("first-registration", |_| {
            let registrar = &self.registrar;
            registrar.apply("real-estate", "first-registration", flat(FLAT_A, "101"), vec![])?;
            let second = flat(FLAT_B, "102");
            let events = registrar.apply("real-estate", "first-registration", second, vec![])?;
            self.title = key_of(&events, "right")?;
            Ok(said(
                format!("首次登记：测试甲的两套房 {FLAT_A}、…0002"),
                "first registration of two flats of citizen A",
            ))
        })?;
        timeline.step("mortgage", |_| {
            let input = fields([
                ("unit", FLAT_A.into()),
                ("mortgagee", "bank-a".into()),
                ("kind", "general".into()),
                ("amount", Value::Int(50_000_000)),
                ("transfer_banned", Value::Bool(false)),
                ("basis", "借款合同及抵押合同".into()),
            ]);
            let mandate = self.seller.mandate(SELLER, "mortgage", "mortgage", &input)?;
            self.bank.apply("real-estate", "mortgage", input, vec![mandate])?;
            Ok(said(
                "抵押登记：测试甲授意，甲银行登记 500,000.00 元",
                "a mortgage of 500,000.00 yuan: citizen A consents, bank A registers it",
            ))
        })
    }

    /// The sale of the mortgaged flat: both sides consent, the registrar registers.
    pub(crate) fn sell(&self, timeline: &mut Timeline) -> Result<(), Fault> {
        timeline.step("sale", |_| {
            match self.transfer(FLAT_A, 100_000_000)? {
                Done::Applied(_) => {}
                Done::Refused(code) => return Err(refused("sale", &code)),
            }
            Ok(said(
                "转移登记：测试甲售予测试乙 1,000,000.00 元，抵押权随房（民法典406）",
                "sale from citizen A to citizen B for 1,000,000.00 yuan; the mortgage follows",
            ))
        })
    }

    /// The court seals the other flat; its sale is refused, and the refusal recorded.
    pub(crate) fn seal(&self, timeline: &mut Timeline) -> Result<(), Fault> {
        timeline.step("seal", |_| {
            let now = clock::now();
            let today = days_of_date(crate::commands::today_in_china());
            let input = fields([
                ("unit", FLAT_B.into()),
                ("document", "（2026）湘1302执123号".into()),
                ("served", Value::Time(chaincity_types::Timestamp(now.0.saturating_sub(60_000)))),
                ("from", Value::Date(today)),
                ("to", Value::Date(today.saturating_add(1_095))),
            ]);
            self.court.apply("real-estate", "seal", input, vec![])?;
            Ok(said(
                "查封登记：法院查封 …0002，期限三年（民诉法解释485）",
                "the court seals the second flat for three years",
            ))
        })?;
        timeline.expect("sale-of-sealed-unit", |_| match self.transfer(FLAT_B, 90_000_000)? {
            Done::Applied(_) => {
                Err(Fault::other("已查封的房屋竟被转移", "a sealed flat was transferred"))
            }
            Done::Refused(code) if code == "unit-sealed" => Ok((
                Some(code),
                said(
                    "驳回：该不动产已被查封（unit-sealed），驳回有回执可证",
                    "refused with code unit-sealed; the refusal has a provable receipt",
                ),
            )),
            Done::Refused(code) => Err(refused("sale-of-sealed-unit", &code)),
        })
    }

    /// A wrong entry is corrected: the old version stays, with reason and legal basis.
    pub(crate) fn correct(&self, timeline: &mut Timeline) -> Result<(), Fault> {
        timeline.step("correction", |_| {
            let input = fields([
                ("right", self.title.as_str().into()),
                ("version", Value::Int(1)),
                ("holders", sole(SELLER)),
                ("basis", "房屋赠与合同".into()),
                ("reason", "登记原因录入错误，应为赠与".into()),
                ("legal_basis", "民法典 220".into()),
            ]);
            self.registrar.apply("real-estate", "correct-right", input, vec![])?;
            let client = &self.registrar.client;
            let history = client.history("real-estate", "right", &self.title, None, 10);
            let versions = history.map_err(crate::actor::remote)?.items.len();
            Ok(said(
                format!("更正登记：写明原因和依据，原版本保留（共 {versions} 个版本）"),
                format!(
                    "a correction with its reason; the wrong version stays ({versions} versions)"
                ),
            ))
        })
    }

    /// The unit whose proof is exported.
    pub(crate) const fn proved_unit() -> &'static str {
        FLAT_A
    }

    /// Both sides' mandates, then the registrar's call.
    fn transfer(&self, unit: &str, price_fen: i64) -> Result<Done, Fault> {
        let input = sale(unit, price_fen);
        let mandates = vec![
            self.seller.mandate(SELLER, "transfer", "transfer", &input)?,
            self.buyer.mandate(BUYER, "transfer", "acquire", &input)?,
        ];
        self.registrar.call("real-estate", "transfer", input, mandates)
    }
}

fn refused(step: &str, code: &str) -> Fault {
    Fault::other(format!("{step} 被驳回：{code}"), format!("{step} was refused: {code}"))
}
