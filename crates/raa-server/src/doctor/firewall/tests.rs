//! Rules as `nft -j list ruleset` prints them, and what is said about them.

use super::*;
use raa_doctor::report::Verdict;
use serde_json::json;

fn ports() -> Vec<Port> {
    let port = |key, protocol, number| Port {
        key,
        protocol,
        number,
        holders: Vec::new(),
        opens: Ok(()),
    };
    vec![
        port("udp_port", "UDP", 4010),
        port("http_port", "TCP", 4011),
    ]
}

fn rule(protocol: &str, right: &Value, verdict: &str) -> Value {
    let left = json!({"payload": {"protocol": protocol, "field": "dport"}});
    let matched = json!({"match": {"op": "==", "left": left, "right": right}});
    json!({"rule": {"chain": "input", "expr": [matched, {(verdict): null}]}})
}

fn rules(policy: &str, rules: &[Value]) -> Firewall {
    let chain = json!({"chain": {"name": "input", "hook": "input", "policy": policy}});
    let all: Vec<Value> = [chain].into_iter().chain(rules.iter().cloned()).collect();
    Firewall {
        nft: Nft::Rules(json!({ "nftables": all })),
        is_ufw_on: false,
        firewalld: None,
    }
}

#[track_caller]
fn check(firewall: &Firewall, verdict: Verdict, words: &str) {
    let finding = judge(firewall, &ports());
    assert_eq!(finding.verdict, verdict, "{finding:?}");
    assert!(finding.found.contains(words), "{finding:?}");
}

#[test]
fn rules_that_name_both_ports_are_fine() {
    use Verdict::Ok;
    check(&rules("accept", &[]), Ok, "nothing seen");
    let (udp, tcp) = (json!(4010), json!({"set": [22, {"range": [4000, 4020]}]}));
    let accept = [rule("udp", &udp, "accept"), rule("tcp", &tcp, "accept")];
    check(&rules("drop", &accept), Ok, "nothing seen");
    let both = [rule("th", &json!({"range": [4010, 4011]}), "accept")];
    check(&rules("drop", &both), Ok, "nothing seen");
}

#[test]
fn ports_that_no_rule_names_seem_dropped() {
    use Verdict::Attention;
    check(&rules("drop", &[]), Attention, "4010/udp and 4011/tcp");
    let other = [
        rule("udp", &json!(4011), "accept"),
        rule("tcp", &json!(4011), "accept"),
    ];
    check(&rules("drop", &other), Attention, "names 4010/udp, which");
}

#[test]
fn a_rule_that_drops_a_port_is_wrong() {
    let drop = [rule("udp", &json!(4010), "drop")];
    check(
        &rules("accept", &drop),
        Verdict::Wrong,
        "drops what goes to 4010/udp",
    );
    let reject = [rule("tcp", &json!({"set": [80, 4011]}), "reject")];
    check(&rules("accept", &reject), Verdict::Wrong, "4011/tcp");
    // With a further condition, only some packets are dropped.
    let mut one = rule("udp", &json!(4010), "drop");
    let source = json!({"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": "192.0.2.1"}});
    one["rule"]["expr"]
        .as_array_mut()
        .unwrap()
        .insert(0, source);
    check(&rules("accept", &[one]), Verdict::Ok, "nothing seen");
}

#[test]
fn unreadable_rules_are_said_to_be_so() {
    let of = |nft, is_ufw_on| Firewall {
        nft,
        is_ufw_on,
        firewalld: None,
    };
    check(&of(Nft::Missing, false), Verdict::Ok, "none seen");
    check(
        &of(Nft::Hidden, false),
        Verdict::Attention,
        "nftables can't be read",
    );
    check(
        &of(Nft::Hidden, true),
        Verdict::Attention,
        "ufw is switched on",
    );
    assert!(is_ufw_on("LOGLEVEL=low\nENABLED=yes\n") && !is_ufw_on("ENABLED=no\n"));
}

#[test]
fn firewalld_says_which_ports_are_open() {
    let of = |open| Firewall {
        nft: Nft::Missing,
        is_ufw_on: false,
        firewalld: Some(open),
    };
    check(
        &of(vec![Some(true), Some(true)]),
        Verdict::Ok,
        "firewalld opens",
    );
    let shut = of(vec![Some(false), Some(true)]);
    check(&shut, Verdict::Attention, "does not open 4010/udp");
    assert!(
        judge(&shut, &ports())
            .remedy
            .unwrap()
            .contains("--add-port=4010/udp")
    );
    check(&of(vec![None, None]), Verdict::Attention, "does not tell");
}
