//! Who takes part: the organisations' clerks, the two couples, and where each is connected.

/// One person with a key of its own.
#[derive(Debug)]
pub(super) struct Seat {
    /// Name of its key file.
    pub(super) name: &'static str,
    /// Its organisation.
    pub(super) member: &'static str,
    /// The node through which it is connected: its organisation's, or another's.
    pub(super) node: &'static str,
    /// For whom it consents: itself, or its organisation.
    pub(super) party: Option<&'static str>,
}

const fn clerk(name: &'static str, member: &'static str, node: &'static str) -> Seat {
    Seat { name, member, node, party: None }
}

/// The registry's node hands over what a supplier reads.
const fn supplier(name: &'static str) -> Seat {
    Seat { name, member: name, node: REGISTRY, party: Some(name) }
}

const fn citizen(name: &'static str, subject: &'static str, node: &'static str) -> Seat {
    Seat { name, member: CITIZENS_OF, node, party: Some(subject) }
}

/// The member that vouches for citizens' keys.
const CITIZENS_OF: &str = "service-centre";

/// The bank that is paid off, the fund centre that lends, the bank that holds the money.
pub(super) const PAYOFF_BANK: &str = "bank-a";
pub(super) const LENDER: &str = "fund";
pub(super) const ESCROW_BANK: &str = "bank-b";
/// The organisation that keeps what utilities read.
pub(super) const REGISTRY: &str = "registry";

/// The couple that sells, the couple that buys: subject ids, pseudonyms without names.
pub(super) const SELLERS: [&str; 2] = ["subject-sale-seller-1", "subject-sale-seller-2"];
pub(super) const BUYERS: [&str; 2] = ["subject-sale-buyer-1", "subject-sale-buyer-2"];

/// Key files and subject ids of the citizens.
pub(crate) const CITIZENS: &[(&str, &str)] = &[
    ("seller", SELLERS[0]),
    ("seller-spouse", SELLERS[1]),
    ("buyer", BUYERS[0]),
    ("buyer-spouse", BUYERS[1]),
];

/// Everybody who works or signs.
pub(super) const SEATS: &[Seat] = &[
    clerk("acceptor", REGISTRY, REGISTRY),
    clerk("reviewer", REGISTRY, REGISTRY),
    clerk("reviewer-2", REGISTRY, REGISTRY),
    clerk("registrar", REGISTRY, REGISTRY),
    clerk("housing", "housing", "housing"),
    clerk("tax", "tax", "housing"),
    Seat { name: "bank-a", member: PAYOFF_BANK, node: "bank-a", party: Some(PAYOFF_BANK) },
    Seat { name: "fund", member: LENDER, node: "housing", party: Some(LENDER) },
    clerk("escrow", ESCROW_BANK, "bank-b"),
    clerk("escrow-2", ESCROW_BANK, "bank-b"),
    supplier("water"),
    supplier("power"),
    supplier("gas"),
    supplier("cable"),
    citizen("seller", SELLERS[0], "bank-a"),
    citizen("seller-spouse", SELLERS[1], "court"),
    citizen("buyer", BUYERS[0], "housing"),
    citizen("buyer-spouse", BUYERS[1], "registry"),
];

/// Key of the bank port: it confirms what the core executed, and instructs nothing.
pub(super) const PORT: &str = "escrow-system";

/// Those who act by the story and not by a task list: court, authority, catalogue, the bank port.
pub(super) const OTHERS: &[Seat] = &[
    clerk("court", "court", "court"),
    clerk("authority", "city-management", "housing"),
    clerk("keeper", REGISTRY, REGISTRY),
    clerk("catalogue", "housing", "housing"),
    clerk("bank-b-keeper", ESCROW_BANK, "bank-b"),
    clerk(PORT, ESCROW_BANK, "bank-b"),
];

/// The utilities: kind, which is also the member's name, and name in both languages.
pub(super) const UTILITIES: [&str; 4] = ["water", "power", "gas", "cable"];

/// Members whose nodes keep a vault, with the key of who answers out of it.
pub(crate) const STEWARDS: [(&str, &str); 3] =
    [(REGISTRY, "release-agent"), (PAYOFF_BANK, "bank-a-agent"), (ESCROW_BANK, "bank-b-agent")];
/// Members without a node, which keep a vault of their own.
pub(super) const VAULTS: [&str; 6] = [LENDER, "tax", "water", "power", "gas", "cable"];

impl Seat {
    /// Whether it is one of the parties, and not a clerk.
    pub(super) fn is_citizen(&self) -> bool {
        self.member == CITIZENS_OF
    }
}
