//! What is sold, to whom, for how much: synthetic people, two houses.

use chaincity_crypto::hash;
use jiff::ToSpan as _;
use serde_json::{Value as Json, json};

use super::cast::{BUYERS, SELLERS};
use crate::commands::today_in_china;

/// One sale.
#[derive(Debug)]
pub(super) struct Deal {
    /// Stable name of the play.
    pub(super) name: &'static str,
    /// The unit's number in the register.
    pub(super) unit: &'static str,
    /// Its door.
    pub(super) room: &'static str,
    /// Number of the contract of sale: encrypted wherever it is written down.
    pub(super) contract: &'static str,
    /// What the case is known by.
    pub(super) number: &'static str,
    /// Whether it comes to the entries, and so to the loan.
    pub(super) is_booked: bool,
}

/// The sale that nothing disturbs.
pub(super) const PLAIN: Deal = Deal {
    name: "sale",
    unit: "431302001002GB00011F00020001",
    room: "2栋101室",
    contract: "示例存量房合同2026-1101",
    number: "娄房交〔2026〕1101号",
    is_booked: true,
};

/// The sale in which a court's seal comes in between.
pub(super) const SEALED: Deal = Deal {
    name: "sale-with-seal",
    unit: "431302001002GB00011F00020002",
    room: "2栋102室",
    contract: "示例存量房合同2026-1102",
    number: "娄房交〔2026〕1102号",
    is_booked: true,
};

/// The sale that a seal ends: the couples withdraw, and the money goes back.
pub(super) const WITHDRAWN: Deal = Deal {
    name: "sale-withdrawn",
    unit: "431302001002GB00011F00020003",
    room: "2栋103室",
    contract: "示例存量房合同2026-1103",
    number: "娄房交〔2026〕1103号",
    is_booked: false,
};

/// All of them.
pub(super) const DEALS: [&Deal; 3] = [&PLAIN, &SEALED, &WITHDRAWN];

/// Fen: own + loan = price = payoff + net.
pub(super) const PRICE: i64 = 100_035_791;
pub(super) const OWN: i64 = 30_035_791;
pub(super) const LOAN: i64 = 70_000_000;
pub(super) const PAYOFF: i64 = 48_123_457;
pub(super) const NET: i64 = 51_912_334;

/// Name, identity number, telephone: born in 1900, so that no living person has them.
type Person = (&'static str, &'static str, &'static str);
const SELLERS_ARE: [Person; 2] = [
    ("测试丙（上官示例）", "431322190003151230", "13900000303"),
    ("测试丁（诸葛示例）", "431381190012318880", "13900000404"),
];
const BUYERS_ARE: [Person; 2] = [
    ("测试戊（皇甫示例）", "110108190007040171", "13900000505"),
    ("测试己（公孙示例）", "43130219000301007X", "13900000606"),
];
/// Accounts at the banks.
pub(super) const LOAN_ACCOUNT: &str = "示例还款账户6222-0001";
pub(super) const SELLER_ACCOUNT: &str = "示例卖方账户6222-0002";
pub(super) const BUYER_ACCOUNT: &str = "示例买方账户6222-0003";
pub(super) const ESCROW_ACCOUNT: &str = "示例监管账户6222-0004";

/// Everything that is encrypted and must be found nowhere else.
pub(super) fn private_values() -> impl Iterator<Item = String> {
    let people = SELLERS_ARE.iter().chain(&BUYERS_ARE);
    let people = people.flat_map(|(name, id, phone)| [*name, *id, *phone]);
    let deals = DEALS.iter().map(|deal| deal.contract);
    let accounts = [LOAN_ACCOUNT, SELLER_ACCOUNT, BUYER_ACCOUNT, ESCROW_ACCOUNT];
    people.chain(deals).chain(accounts).map(str::to_owned)
}

impl Deal {
    /// Where the house lies.
    pub(super) fn location(&self) -> String {
        format!("娄星区测试路1号{}", self.room)
    }

    /// The record of the unit, as cases name what they are about.
    pub(super) fn about(&self) -> String {
        format!("real-estate/unit/{}", self.unit)
    }
}

fn identity(subjects: &[&str; 2], people: &[Person; 2]) -> Json {
    let holders = subjects.iter().zip(people).map(|(subject, (name, id, phone))| {
        json!({
            "subject": subject, "name": name, "id_kind": "居民身份证", "id_number": id,
            "phone": phone,
        })
    });
    json!({"holders": holders.collect::<Vec<_>>()})
}

/// Who sells, as the group `holder-identity` holds it.
pub(super) fn sellers_identity() -> Json {
    identity(&SELLERS, &SELLERS_ARE)
}

/// Who buys, likewise.
pub(super) fn buyers_identity() -> Json {
    identity(&BUYERS, &BUYERS_ARE)
}

/// Joint owners: each stands with the whole.
pub(super) fn joint(subjects: &[&str; 2]) -> Json {
    subjects.iter().map(|subject| json!({"subject": subject, "n": 1, "d": 1})).collect()
}

/// What a supplier is told of the new holder; that of gas calls before it comes to check.
pub(super) fn payload(deal: &Deal, kind: &str) -> Json {
    let [(name, id, phone), _] = BUYERS_ARE;
    let (head, tail) = (id.get(..3).unwrap_or_default(), id.get(14..).unwrap_or_default());
    let mut told = json!({
        "holder_name": name, "document_masked": format!("{head}***********{tail}"),
        "location": deal.location(),
    });
    if kind == "gas"
        && let Some(told) = told.as_object_mut()
    {
        told.insert("phone".to_owned(), phone.into());
    }
    told
}

/// What leaves the escrow: how much, to whom, on which account, and whose that is at the bank.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outgoing {
    pub(super) amount: i64,
    pub(super) payee: &'static str,
    pub(super) account: &'static str,
    pub(super) customer: &'static str,
}

/// What a payment of this kind moves.
pub(super) fn outgoing(kind: &str) -> Outgoing {
    let ([(seller, ..), _], [(buyer, ..), _]) = (SELLERS_ARE, BUYERS_ARE);
    let (amount, payee, account, customer) = match kind {
        "payoff" => (PAYOFF, "甲银行", LOAN_ACCOUNT, seller),
        "refund" => (OWN, "买方", BUYER_ACCOUNT, buyer),
        "net" => (NET, "卖方", SELLER_ACCOUNT, seller),
        // Nothing is withheld in these sales.
        _ => (0, "卖方", SELLER_ACCOUNT, seller),
    };
    Outgoing { amount, payee, account, customer }
}

/// A movement of money, as the group `movement` holds it.
pub(super) fn movement(amount: i64, payer: &str, payee: &str, account: &str) -> Json {
    json!({"amount": amount, "payer": payer, "payee": payee, "account": account})
}

/// A day, so many days from today in China.
pub(super) fn day(days: i64) -> String {
    let today = today_in_china();
    today.checked_add(days.days()).unwrap_or(today).to_string()
}

/// The digest of a document that lies outside the ledger.
pub(super) fn digest(document: &str) -> String {
    hash::plain(document.as_bytes()).to_string()
}
