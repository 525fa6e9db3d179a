//! The processes of construction funds: what is chased is over when it is done.

use crate::common::Hand;

const CLOSING: &str =
    include_str!("../../../../../packages/engineering-funds/processes/closing.bpmn");
const FOUNDING: &str =
    include_str!("../../../../../packages/engineering-funds/processes/founding.bpmn");

#[test]
fn a_chase_ends_with_the_payment_that_it_chases() {
    let parties = [("contractor", "builder".into()), ("bank", "bank-a".into())];
    let mut hand = Hand::start_with(CLOSING, &parties);
    hand.complete("accept").occur("defects-over").complete("retention-instruct");
    hand.occur("retention-late");
    assert!(hand.open().contains(&"retention-chase"));
    hand.complete("retention-carry-out");
    assert_eq!(hand.open(), ["announce"]);
}

#[test]
fn urging_ends_with_the_account_that_it_urges() {
    let parties = ["contractor", "treasury", "bank"].map(|name| (name, "somebody".into()));
    let mut hand = Hand::start_with(FOUNDING, &parties);
    hand.complete("project").complete("participants").complete("contract").occur("account-late");
    assert!(hand.open().contains(&"urge"));
    hand.complete("account");
    assert!(!hand.open().contains(&"urge"));
}
