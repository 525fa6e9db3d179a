//! A vault on two machines: of two agents one answers, and the ledger says which.

use super::*;

fn take_over(city: &City, agent: &str) {
    let reason = common::fields([("reason", "主机故障".into())]);
    city.apply(agent, "disclosure", "take-over", reason);
}

#[test]
fn a_standby_answers_once_it_has_taken_over_and_the_former_agent_no_more() {
    let (city, commitment, grant) = City::with_file();
    let access = city.ask(&Ask::of("f-1", &grant));
    let standby = city.agent_with("second-agent").on_standby();
    assert_eq!((city.round(&standby), &*city.state(&access)), (0, "asked"));
    take_over(&city, "second-agent");
    // Started again, as the machine comes back: no standby, and it answers nothing.
    let former = city.agent();
    assert_eq!((city.round(&former), city.counter.submitted()), (0, 0));
    assert!(city.vault.envelope(&access).unwrap().is_none());
    assert_eq!((city.round(&standby), &*city.state(&access)), (1, "released"));
    let envelope = released(&city, &access);
    let expected = context(&city, &access, commitment, 1);
    envelope::open(&reader_key(), &envelope.groups[0], &expected).unwrap();
    // And back.
    let later = city.ask(&Ask::of("f-1", &grant));
    take_over(&city, "agent");
    assert_eq!((city.round(&standby), city.round(&former)), (0, 1));
    assert_eq!(city.state(&later), "released");
}

#[test]
fn an_agent_that_is_no_standby_answers_while_none_has_taken_over() {
    let (city, _, grant) = City::with_file();
    let access = city.ask(&Ask::of("f-1", &grant));
    take_over(&city, "other-agent");
    assert_eq!((city.round(&city.agent()), &*city.state(&access)), (1, "released"));
}
