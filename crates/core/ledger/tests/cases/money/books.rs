//! What holds in every book, whoever keeps it.

use super::{Desk, Row};

/// The sum of a number over records.
pub(super) fn sum<'r>(rows: impl IntoIterator<Item = &'r Row>, field: &str) -> i64 {
    rows.into_iter().map(|row| row.int(field)).sum()
}

/// Double entry: nothing waits, each account is the sum of its transfers, and over all accounts what
/// was paid was received.
pub(super) fn accounts(desk: &Desk) {
    let transfers = desk.all("accounts", "transfer");
    for transfer in &transfers {
        assert_ne!(transfer.text("state"), "pending", "{transfer:?}");
        let posted = if transfer.text("state") == "posted" { transfer.int("amount") } else { 0 };
        assert_eq!(transfer.int("posted"), posted, "{transfer:?}");
    }
    let accounts = desk.all("accounts", "account");
    for account in &accounts {
        assert_eq!(account.int("debits_pending"), 0, "{account:?}");
        assert_eq!(account.int("credits_pending"), 0, "{account:?}");
        for (side, field) in [("debit", "debits"), ("credit", "credits")] {
            let own = transfers.iter().filter(|transfer| transfer.text(side) == account.key);
            assert_eq!(account.int(field), sum(own, "posted"), "{field} of {account:?}");
        }
        assert!(balance(account) >= account.int("lower"), "{account:?}");
    }
    assert_eq!(sum(&accounts, "debits"), sum(&accounts, "credits"));
}

pub(super) fn balance(account: &Row) -> i64 {
    account.int("credits") - account.int("debits")
}
