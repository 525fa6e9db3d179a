//! Claims that hide nothing, that follow from nothing, or whose parameters nothing uses.

use crate::doc::{ClaimDoc, PackageDoc};
use crate::problem::Problem;
use crate::rule::parse;
use crate::{INPUT, THIS};

pub(super) fn claims(doc: &PackageDoc, found: &mut Vec<Problem>) {
    for group in &doc.groups {
        for claim in &group.claims {
            let place = format!("groups.{}.claims.{}", group.name, claim.field.name);
            self::claim(&place, claim, found);
        }
    }
}

fn claim(place: &str, claim: &ClaimDoc, found: &mut Vec<Problem>) {
    let Ok(rule) = parse(&claim.rule) else { return };
    if rule.path().is_some_and(|path| path.starts_with("this.")) {
        let cause = ("派生结论就是字段本身", "the claim is the field itself");
        let mend = ("改写规则，或直接开放该字段组", "write another rule, or share the group");
        found.push(Problem::error("bare-claim", place, cause, mend).warning());
    }
    if !rule.names().contains(&THIS) {
        let cause = ("派生结论与字段组无关", "the claim follows from nothing in the group");
        let mend = ("在规则中使用 this", "let its rule use `this`");
        found.push(Problem::error("empty-claim", place, cause, mend).warning());
    }
    let used = rule.fields_of(INPUT);
    for parameter in claim.parameters.iter().filter(|p| !used.contains(&p.name.as_str())) {
        let place = format!("{place}.parameters.{}", parameter.name);
        let cause = ("没有规则使用它", "no rule uses it");
        let mend = ("删除它或在规则中使用", "remove it, or use it in a rule");
        found.push(Problem::error("unused", place, cause, mend).warning());
    }
}

#[cfg(test)]
mod tests {
    use crate::source::parse;

    const PACKAGE: &str = "package: test\nversion: 1\ntitle: {zh: 测试, en: Test}\nroles:\n  \
        a.b: {zh: 甲, en: A}\n";

    /// What is found of a group with these claims, by code and place.
    fn found(claims: &str) -> Vec<(&'static str, String)> {
        let group = format!(
            "group: person\ntitle: {{zh: 人, en: Person}}\nsteward: a.b\nfields:\n  \
             name: {{type: text(9), zh: 名, en: Name}}\n  \
             sum: {{type: fen?, zh: 额, en: Sum}}\nclaims:\n{claims}"
        );
        let files = [("package.yaml", PACKAGE), ("groups/person.yaml", group.as_str())];
        let problems = crate::check(&parse(&files).unwrap()).into_iter();
        let of_claims = problems.filter(|problem| problem.place.contains(".claims."));
        let place = |place: &str| place.replace("groups.person.claims.", "");
        of_claims.map(|problem| (problem.code, place(&problem.place))).collect()
    }

    #[test]
    fn claims_of_each_type_with_parameters_are_sound() {
        let claims = "  masked: {type: text(9), rule: mask(this.name), zh: 名, en: Name}\n  \
            enough:\n    type: bool\n    rule: this.sum != null && this.sum >= input.least\n    \
            parameters: {least: {type: fen, zh: 额, en: Sum}}\n    clear: [least]\n    \
            zh: 够, en: x\n"
            .replace("zh: 够, en: x", "zh: 够\n    en: Enough");
        assert_eq!(found(&claims), []);
        let band = "  band: {type: 'enum(low, high)', \
            rule: 'this.sum != null && this.sum > 9 ? \"high\" : \"low\"', zh: 档, en: Band}\n";
        assert_eq!(found(band), []);
    }

    #[test]
    fn claims_that_hide_nothing_or_do_not_fit_are_found_where_they_stand() {
        let one = |claim: &str| found(&format!("  a: {{{claim}, zh: 甲, en: A}}\n"));
        let at = |code: &'static str, place: &str| vec![(code, place.to_owned())];
        assert_eq!(one("type: text(9), rule: this.name"), at("bare-claim", "a"));
        assert_eq!(one("type: bool, rule: 'today > today'"), at("empty-claim", "a"));
        assert_eq!(
            one("type: fen, rule: 'this.sum == null ? 0 : this.sum'"),
            at("claim-type", "a")
        );
        assert_eq!(one("type: 'bool?', rule: 'this.sum == 1'"), at("claim-type", "a"));
        assert_eq!(one("type: bool, rule: mask(this.name)"), at("type", "a.rule"));
        assert_eq!(one("type: bool, rule: this.sum > 1"), at("rule", "a.rule"));
        assert_eq!(one("type: bool, rule: this.salary > 1"), at("rule", "a.rule"));
        let with = |parameters: &str| {
            one(&format!("type: bool, rule: \"this.name == ''\", parameters: {{{parameters}}}"))
        };
        assert_eq!(with("n: {type: int, zh: 数, en: N}"), at("unused", "a.parameters.n"));
        let list = with("n: {type: 'list(int, max 3)', zh: 数, en: N}");
        assert!(list.contains(&("bad-type", "a.parameters.n".to_owned())), "{list:?}");
        let clear = one("type: bool, rule: \"this.name == ''\", clear: [n]");
        assert_eq!(clear, at("unknown-name", "a.parameters"));
        let nameless = found("  a: {type: text(9), rule: mask(this.name), zh: 甲}\n");
        assert_eq!(nameless, at("missing-language", "a"));
    }
}
