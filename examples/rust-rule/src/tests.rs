//! What the rules say, natively, and under `betrace build --test` of the component too.

use betrace_rules::testing::{Judged, judge, span, trace, violated};

use crate::{phi_audit, retries::backs_off, slowest_step};

#[test]
fn a_read_is_audited_for_its_own_user() {
    let read = |user| span("phi.access").with("user.id", user);
    let audit = |user| span("audit.log").with("user.id", user);
    assert_eq!(
        judge(&phi_audit, &trace([read("u1"), audit("u1")])),
        Judged::Held
    );
    assert_eq!(
        judge(&phi_audit, &trace([read("u1"), audit("u2"), read("u2")])),
        violated([0])
    );
    assert_eq!(
        judge(&phi_audit, &trace([span("phi.access"), audit("u1")])),
        violated([0])
    );
    assert_eq!(
        judge(&phi_audit, &trace([audit("u1")])),
        Judged::NotApplicable
    );
}

#[test]
fn a_wait_is_no_shorter_than_the_one_before() {
    let at = |ms| {
        span("http.retry")
            .with("url.full", "https://a.example/")
            .at_ms(ms)
            .for_ms(1)
    };
    assert_eq!(
        judge(&backs_off, &trace([at(0), at(10), at(30)])),
        Judged::Held
    );
    assert_eq!(
        judge(&backs_off, &trace([at(0), at(20), at(30)])),
        violated([2])
    );
    let other = at(25).with("url.full", "https://b.example/");
    assert_eq!(
        judge(&backs_off, &trace([at(0), at(20), other])),
        Judged::Held
    );
}

#[test]
fn a_step_that_takes_most_of_an_order_is_shown() {
    let order = || span("order").id("o").for_ms(100);
    let step = |name, ms| span(name).child_of("o").for_ms(ms);
    assert_eq!(
        judge(&slowest_step, &trace([order(), step("pay", 50)])),
        Judged::Held
    );
    let found = judge(
        &slowest_step,
        &trace([order(), step("pay", 60), step("pack", 20)]),
    );
    assert_eq!(found, violated([1]));
    assert_eq!(
        judge(&slowest_step, &trace([span("login")])),
        Judged::NotApplicable
    );
    assert_eq!(
        judge(&slowest_step, &trace([order(), span("lost").orphan()])),
        Judged::Inconclusive
    );
}
