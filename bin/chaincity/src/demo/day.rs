//! A day at the registry, through the public API: registration, mortgage, sale, seal, correction.

use std::collections::BTreeMap;

use chaincity_client::api::vault::SealRequest;
use chaincity_types::calendar::days_of_date;
use chaincity_types::{Digest, Str, Value};
use rand::Rng as _;
use serde_json::{Value as Json, json};

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
    /// At the node that keeps the registry's vault.
    sealing: Actor,
    /// Key of the second flat's ownership entry.
    title: String,
    /// Key of the title that the sale entered.
    sold: String,
}

fn said(zh: impl Into<String>, en: impl Into<String>) -> Said {
    (zh.into(), en.into())
}

fn flat(number: &str, room: &str) -> BTreeMap<Str, Value> {
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

fn sale(unit: &str) -> BTreeMap<Str, Value> {
    fields([("unit", unit.into()), ("to", sole(BUYER)), ("basis", "存量房买卖合同".into())])
}

/// A synthetic person: subject, name, identity number, telephone.
type Person = (&'static str, &'static str, &'static str, &'static str);

/// Born in 1900, so that no living person has these numbers.
const SELLER_IS: Person = (SELLER, "测试甲（欧阳示例）", "431302190001010017", "13900000101");
const BUYER_IS: Person = (BUYER, "测试乙（司徒示例）", "431321190002280026", "13900000202");
/// What the flat is sold for, in fen: a number that stands nowhere else.
const PRICE_FEN: i64 = 98_765_432_100;
const CONTRACT: &str = "示例合同2026-0717";

/// A person as the group `holder-identity` holds him.
fn identity((subject, name, id_number, phone): Person) -> Json {
    json!({"holders": [{
        "subject": subject, "name": name, "id_kind": "居民身份证", "id_number": id_number,
        "phone": phone,
    }]})
}

impl Day {
    /// Signs everyone in.
    pub(crate) fn open(
        city: &City,
        urls: &[String],
        steward: &str,
        ledger: Digest,
    ) -> Result<Self, Fault> {
        let actor = |name: &str| Actor::sign_in(urls, ledger, city.key(name)?);
        Ok(Self {
            registrar: actor("registrar")?,
            court: actor("court")?,
            bank: actor("bank-a")?,
            seller: actor("citizen-a")?,
            buyer: actor("citizen-b")?,
            sealing: Actor::sign_in(&[steward.to_owned()], ledger, city.key("registrar")?)?,
            title: String::new(),
            sold: String::new(),
        })
    }

    /// Seals a group in the registry's vault, and notes what of it must not be found elsewhere.
    fn sealed(&self, group: &str, values: &Json) -> Result<Value, Fault> {
        let values = values.as_object().cloned().unwrap_or_default();
        let mut request = [0; 32];
        rand::rng().fill_bytes(&mut request);
        let commitment = self.sealing.client.seal_group(&SealRequest {
            package: "real-estate".to_owned(),
            register: "right".to_owned(),
            group: group.to_owned(),
            request: hex::encode(request),
            values,
            scopes: BTreeMap::new(),
        });
        let commitment = commitment.map_err(crate::actor::remote)?;
        Ok(Value::Bytes(commitment.as_bytes().to_vec()))
    }

    /// Key of the title that the sale entered.
    pub(crate) fn sold(&self) -> &str {
        &self.sold
    }

    /// The morning: two flats are registered, one is mortgaged.
    pub(crate) fn morning(&mut self, timeline: &mut Timeline) -> Result<(), Fault> {
        timeline.step("first-registration", |report| {
            let registrar = &self.registrar;
            let (_, name, id_number, phone) = SELLER_IS;
            report.private_values.extend([name, id_number, phone].map(str::to_owned));
            let sealed = |room: &str, number: &str| -> Result<_, Fault> {
                let mut flat = flat(number, room);
                let identity = self.sealed("holder-identity", &identity(SELLER_IS))?;
                flat.insert("identity".into(), identity);
                Ok(flat)
            };
            let first = sealed("101", FLAT_A)?;
            registrar.apply("real-estate", "first-registration", first, vec![])?;
            let second = sealed("102", FLAT_B)?;
            let events = registrar.apply("real-estate", "first-registration", second, vec![])?;
            self.title = key_of(&events, "right")?;
            Ok(said(
                format!("首次登记：测试甲的两套房 {FLAT_A}、…0002；身份信息加密存于登记中心保险库"),
                "first registration of two flats of citizen A; his identity stays encrypted in the \
                 registry's vault",
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
    pub(crate) fn sell(&mut self, timeline: &mut Timeline) -> Result<(), Fault> {
        timeline.step("sale", |report| {
            let (_, name, id_number, phone) = BUYER_IS;
            report.private_values.extend([name, id_number, phone, CONTRACT].map(str::to_owned));
            report.private_values.push(PRICE_FEN.to_string());
            let mut input = sale(FLAT_A);
            input.insert("identity".into(), self.sealed("holder-identity", &identity(BUYER_IS))?);
            let deal = json!({"price": PRICE_FEN, "contract": CONTRACT});
            input.insert("deal".into(), self.sealed("deal", &deal)?);
            match self.transfer(&input)? {
                Done::Applied(events) => self.sold = key_of(&events, "right")?,
                Done::Refused(code) => return Err(refused("sale", &code)),
            }
            Ok(said(
                "转移登记：测试甲售予测试乙，价格加密，抵押权随房（民法典406）",
                "sale from citizen A to citizen B, its price encrypted; the mortgage follows",
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
        timeline.expect("sale-of-sealed-unit", |_| match self.transfer(&sale(FLAT_B))? {
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
    fn transfer(&self, input: &BTreeMap<Str, Value>) -> Result<Done, Fault> {
        let mandates = vec![
            self.seller.mandate(SELLER, "transfer", "transfer", input)?,
            self.buyer.mandate(BUYER, "transfer", "acquire", input)?,
        ];
        self.registrar.call("real-estate", "transfer", input.clone(), mandates)
    }
}

fn refused(step: &str, code: &str) -> Fault {
    Fault::other(format!("{step} 被驳回：{code}"), format!("{step} was refused: {code}"))
}
