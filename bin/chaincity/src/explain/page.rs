//! The report as one page to print: A4, both languages, nothing from elsewhere, everything escaped.

use std::fmt::Write;

use chaincity_package::describe::escape;

use super::rows::{self, Row};
use super::{Report, Shown};

const STYLE: &str = "@page{size:A4;margin:16mm 14mm}\
    body{font:10.5pt/1.5 'Noto Sans CJK SC','Source Han Sans SC','Microsoft YaHei',sans-serif;\
    color:#111;max-width:182mm;margin:0 auto}h1{font-size:17pt}h2{font-size:13pt}h3{font-size:11pt}\
    h1,h2,h3{break-after:avoid}table{border-collapse:collapse;width:100%;margin:.4em 0 1em}\
    td,th{border:1px solid #999;padding:.25em .5em;text-align:left;vertical-align:top;\
    overflow-wrap:anywhere}th{background:#eee;font-weight:600}th.label{width:28%}\
    th,.word{overflow-wrap:normal}\
    tr{break-inside:avoid}thead{display:table-header-group}.en{color:#444;font-size:.9em}\
    .yes{font-weight:600}.no{font-weight:600;border:2px solid #111;padding:0 .3em}\
    @media screen{body{padding:1.5em}}";

/// The page.
pub(crate) fn page(report: &Report) -> String {
    let mut page = Page(String::new());
    let (register, key) = (escape(&report.register), escape(&report.key));
    page.put(&format!(
        "<!doctype html>\n<html lang=\"zh\">\n<head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'\">\n<title>记录成因报告 {register} {key}</title>\n\
         <style>{STYLE}</style></head>\n<body>\n<h1>{}</h1>\n",
        both("记录成因报告", "How the record came about")
    ));
    page.rows(&rows::heading(report));
    if report.versions.is_empty() {
        page.paragraph("该时刻尚无此记录。", "The record did not exist then.");
    } else {
        page.overview(report);
    }
    for shown in &report.versions {
        page.version(shown);
    }
    page.generations(report);
    if !report.later.is_empty() {
        page.heading(2, "其后各版", "Later versions");
        let later: Vec<_> = report.later.iter().map(rows::later).collect();
        page.list(&later);
    }
    page.put("</body>\n</html>\n");
    page.0
}

struct Page(String);

/// Our own words in both languages.
fn both(zh: &str, en: &str) -> String {
    format!("{zh} · <span class=\"en\">{en}</span>")
}

fn verified(ok: bool) -> String {
    let class = if ok { "yes" } else { "no" };
    format!("<span class=\"{class}\">{}</span>", escape(rows::verified(ok)))
}

impl Page {
    fn put(&mut self, html: &str) {
        self.0.push_str(html);
    }

    fn heading(&mut self, level: u8, zh: &str, en: &str) {
        self.put(&format!("<h{level}>{}</h{level}>\n", both(zh, en)));
    }

    fn paragraph(&mut self, zh: &str, en: &str) {
        self.put(&format!("<p>{}</p>\n", both(zh, en)));
    }

    fn rows(&mut self, rows: &[Row]) {
        self.put("<table>\n");
        for Row { zh, en, text } in rows {
            self.put(&format!(
                "<tr><th class=\"label\">{zh}<br><span class=\"en\">{en}</span></th>\
                 <td>{}</td></tr>\n",
                escape(text)
            ));
        }
        self.put("</table>\n");
    }

    /// A table whose cells are texts.
    fn table(&mut self, heads: &[(&str, &str)], lines: &[Vec<String>]) {
        let html: Vec<Vec<String>> =
            lines.iter().map(|line| line.iter().map(|cell| escape(cell)).collect()).collect();
        self.table_of(heads, &html);
    }

    /// A table whose cells are HTML.
    fn table_of(&mut self, heads: &[(&str, &str)], lines: &[Vec<String>]) {
        let mut html = String::from("<table>\n<thead><tr>");
        for (zh, en) in heads {
            // Writing to a string cannot fail.
            let _infallible = write!(html, "<th>{}</th>", both(zh, en));
        }
        html.push_str("</tr></thead>\n");
        for line in lines {
            let cells: Vec<_> = line.iter().map(|cell| format!("<td>{cell}</td>")).collect();
            let _infallible = writeln!(html, "<tr>{}</tr>", cells.concat());
        }
        self.put(&html);
        self.put("</table>\n");
    }

    fn list(&mut self, items: &[String]) {
        self.put("<ul>\n");
        for item in items {
            self.put(&format!("<li>{}</li>\n", escape(item)));
        }
        self.put("</ul>\n");
    }

    /// All versions at a glance: who, when, by what, and which fields.
    fn overview(&mut self, report: &Report) {
        self.heading(2, "各版概览", "Versions at a glance");
        let line = |shown: &Shown| {
            let (explained, by) = (&shown.explained, &shown.explained.record.by);
            let action = explained.rules.as_ref().map(|rules| rows::both(&rules.title));
            let fields: Vec<&str> =
                rows::changes(explained).iter().map(|c| c.field.as_str()).collect();
            let cells = [
                explained.record.version.to_string(),
                rows::china(&explained.record.began),
                by.member.clone(),
                by.operator.clone(),
                action.unwrap_or_else(|| by.action.clone()),
                fields.join("、"),
            ];
            let [number, time, member, operator, action, fields] = cells.map(|c| escape(&c));
            let verified = verified(shown.verified.ok);
            // A key may break anywhere; what is said in words may not.
            let word = |cell: &str| format!("<span class=\"word\">{cell}</span>");
            let (time, member, verified) = (word(&time), word(&member), word(&verified));
            vec![number, time, member, operator, action, fields, verified]
        };
        let lines: Vec<_> = report.versions.iter().map(line).collect();
        let heads = [
            ("版本", "Version"),
            ("时间", "Time"),
            ("单位", "Member"),
            ("经办人密钥", "Operator's key"),
            ("业务", "Action"),
            ("变更字段", "Fields changed"),
            ("核验", "Verification"),
        ];
        self.table_of(&heads, &lines);
    }

    fn version(&mut self, shown: &Shown) {
        let explained = &shown.explained;
        let number = explained.record.version;
        self.put(&format!(
            "<h2>{} {}</h2>\n",
            both(&format!("第 {number} 版"), &format!("Version {number}")),
            verified(shown.verified.ok)
        ));
        self.rows(&rows::facts(shown));
        self.heading(3, "变更", "Changes");
        let changes = rows::changes(explained);
        if changes.is_empty() {
            self.paragraph("无。", "None.");
        } else {
            let changes = changes.iter().map(|change| {
                let (name, before, after) = rows::change(change);
                vec![name, before, after]
            });
            let lines: Vec<_> = changes.collect();
            self.table(&[("字段", "Field"), ("原值", "Before"), ("新值", "After")], &lines);
        }
        if let Some(rules) = &explained.rules {
            let guards = rules.guards.iter().chain(&rules.invariants).map(rows::guard);
            let guards: Vec<_> = guards.map(|(code, text)| vec![code, text]).collect();
            if !guards.is_empty() {
                self.heading(3, "办理时已查条件", "Conditions checked");
                self.table(&[("代码", "Code"), ("条件", "Condition")], &guards);
            }
        }
        self.heading(3, "证明", "Proof");
        self.rows(&rows::proof(shown));
    }

    fn generations(&mut self, report: &Report) {
        let comparison = &report.comparison;
        if comparison.generations.is_empty() {
            return;
        }
        self.heading(2, "导入各代", "Import generations");
        let line = |g: &chaincity_client::api::explain::Generation| {
            vec![g.number.to_string(), g.version.to_string(), rows::source(&g.source)]
        };
        let lines: Vec<_> = comparison.generations.iter().map(line).collect();
        self.table(&[("代", "Generation"), ("版本", "Version"), ("来源", "Source")], &lines);
        if comparison.generations.len() < 2 {
            return;
        }
        self.heading(3, "首次不同之处", "Where they first differ");
        if comparison.differences.is_empty() {
            self.paragraph("各代一致。", "The generations agree.");
            return;
        }
        let differences = comparison.differences.iter();
        let lines: Vec<_> =
            differences.map(|found| rows::difference(found, comparison).to_vec()).collect();
        let heads =
            [("字段", "Field"), ("首见于", "First in"), ("前代", "Before"), ("本代", "After")];
        self.table(&heads, &lines);
    }
}
