//! A package as one HTML page that a lawyer reads: each action with who, when, conditions, effects
//! and law, in Chinese and English, self-contained and fit for printing.

use std::fmt::Write;

use super::escape;
use crate::doc::{
    ActionDoc, ClaimDoc, EffectDoc, EvidenceDoc, FieldDoc, FormFieldDoc, PackageDoc, RegisterDoc,
    SetDoc, TermDoc, TextDoc,
};
use crate::touches::{read_registers, written_registers};

const STYLE: &str = "body{font-family:'Noto Sans CJK SC',sans-serif;max-width:60rem;margin:2rem \
    auto;padding:0 1rem;line-height:1.6}table{border-collapse:collapse;width:100%}td,th{border:1px \
    solid #ccc;padding:.3rem .5rem;text-align:left;vertical-align:top}code{background:#f4f4f4;\
    font-size:.9em;overflow-wrap:anywhere}.en{color:#555}section{margin-top:2rem}ol{margin:0;\
    padding-left:1.4rem}th{min-width:5rem}.name code{overflow-wrap:normal}.law{font-weight:400}\
    tr,h3{break-inside:avoid}h2,h3{break-after:avoid}";

/// The page.
#[must_use]
pub fn page(doc: &PackageDoc) -> String {
    let mut page = Page(String::new());
    page.put(&format!(
        "<!doctype html>\n<html lang=\"zh\">\n<head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{}</title>\n\
         <style>{STYLE}</style></head>\n<body>\n",
        escape(&doc.title.zh)
    ));
    page.heading(1, None, &doc.title);
    page.put(&format!(
        "<p><code>{}</code> 第 {version} 版 · <span class=\"en\">version {version}</span> · \
         <code>{}</code></p>\n",
        escape(&doc.id),
        doc.digest(),
        version = doc.version
    ));
    page.constants(doc);
    page.section("业务动作", "Actions");
    for action in &doc.actions {
        page.action(action, doc);
    }
    page.matrix(doc);
    page.forms(doc);
    page.groups(doc);
    page.section("登记簿", "Registers");
    for register in &doc.registers {
        page.register(register, doc);
    }
    page.put("</body>\n</html>\n");
    page.0
}

struct Page(String);

/// A text in both languages.
fn both(text: &TextDoc) -> String {
    format!("{} · <span class=\"en\">{}</span>", escape(&text.zh), escape(&text.en))
}

fn link(action: &ActionDoc) -> String {
    format!("<a href=\"#action-{}\">{}</a>", escape(&action.name), both(&action.title))
}

/// A role by its title.
fn role(doc: &PackageDoc, name: &str) -> String {
    let title = doc.roles.iter().find(|role| role.name == name).map(|role| both(&role.title));
    title.unwrap_or_else(|| code(name))
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

fn codes(texts: &[String]) -> String {
    texts.iter().map(|text| code(text)).collect::<Vec<_>>().join("、")
}

impl Page {
    fn put(&mut self, text: &str) {
        self.0.push_str(text);
    }

    fn heading(&mut self, level: u8, id: Option<&str>, title: &TextDoc) {
        let id = id.map(|id| format!(" id=\"{}\"", escape(id))).unwrap_or_default();
        self.put(&format!("<h{level}{id}>{}</h{level}>\n", both(title)));
    }

    fn section(&mut self, zh: &str, en: &str) {
        self.put(&format!("<h2>{zh} · <span class=\"en\">{en}</span></h2>\n"));
    }

    fn row(&mut self, zh: &str, en: &str, content: &str) {
        if !content.is_empty() {
            self.put(&format!(
                "<tr><th>{zh}<br><span class=\"en\">{en}</span></th><td>{content}</td></tr>\n"
            ));
        }
    }

    fn constants(&mut self, doc: &PackageDoc) {
        if doc.parameters.is_empty() {
            return;
        }
        self.section("参数", "Parameters");
        self.put("<table>\n");
        for parameter in &doc.parameters {
            self.put(&format!(
                "<tr><td class=\"name\">{}</td><td>{}</td><td class=\"name\">{}</td></tr>\n",
                code(&parameter.name),
                both(&parameter.title),
                code(&parameter.value)
            ));
        }
        self.put("</table>\n");
    }

    fn action(&mut self, action: &ActionDoc, doc: &PackageDoc) {
        self.put("<section>\n");
        self.heading(3, Some(&format!("action-{}", action.name)), &action.title);
        self.put("<table>\n");
        self.row("名称", "Name", &code(&action.name));
        let who: Vec<String> = action.by.iter().map(|name| role(doc, name)).collect();
        self.row("经办", "Who", &who.join("<br>"));
        let laws: Vec<String> = action.law.iter().map(|law| escape(law)).collect();
        self.row("法律依据", "Law", &laws.join("；"));
        if action.urgent {
            self.row("次序", "Order", "优先于其他业务 · <span class=\"en\">before others</span>");
        }
        let mandate = |m: &crate::doc::MandateDoc| format!("{}：{}", code(&m.purpose), code(&m.of));
        let mandates: Vec<String> = action.mandates.iter().map(mandate).collect();
        self.row("须有授意", "Mandates of", &mandates.join("<br>"));
        self.row("输入", "Input", &fields(&action.input));
        let reads: Vec<String> = doc
            .reads_of(action)
            .map(|read| format!("{} = {}", code(&read.name), code(&read.read)))
            .collect();
        self.row("读取", "Reads", &reads.join("<br>"));
        let guards: Vec<String> = doc
            .guards_of(action)
            .map(|g| format!("{} ({})<br>{}", both(&g.text), code(&g.code), code(&g.that)))
            .collect();
        self.row("不满足则驳回", "Refused unless", &list(&guards));
        self.row("效果", "Effects", &effects(&action.effects));
        self.row("涉及登记簿", "Registers", &registers(action, doc));
        self.put("</table>\n</section>\n");
    }

    /// What people fill in for tasks, and what becomes of it.
    fn forms(&mut self, doc: &PackageDoc) {
        if doc.forms.is_empty() {
            return;
        }
        self.section("表单", "Forms");
        for form in &doc.forms {
            self.heading(3, Some(&format!("form-{}", form.name)), &form.title);
            self.put("<table>\n");
            self.row("名称", "Name", &code(&form.name));
            self.row("说明", "Help", &form.help.as_ref().map(both).unwrap_or_default());
            let fields: Vec<String> =
                form.fields.iter().map(|field| form_field(field, doc)).collect();
            self.row("填写", "Fields", &list(&fields));
            let evidence =
                |kind: &EvidenceDoc| format!("{} ({})", both(&kind.title), code(&kind.kind));
            let evidence: Vec<String> = form.evidence.iter().map(evidence).collect();
            self.row("须附材料", "Evidence", &list(&evidence));
            self.put("</table>\n");
        }
    }

    /// What is encrypted together, and whose vault keeps it.
    fn groups(&mut self, doc: &PackageDoc) {
        if doc.groups.is_empty() {
            return;
        }
        self.section("字段组（加密）", "Field groups (encrypted)");
        for group in &doc.groups {
            self.heading(3, Some(&format!("group-{}", group.name)), &group.title);
            self.put("<table>\n");
            self.row("名称", "Name", &code(&group.name));
            self.row("主责", "Steward", &role(doc, &group.steward));
            self.row("字段", "Fields", &fields(&group.fields));
            let claims: Vec<String> = group.claims.iter().map(claim).collect();
            self.row("派生结论", "Claims", &list(&claims));
            let term = |term: &TermDoc| format!("{} ({})", code(&term.kind), code(&term.path));
            let terms: Vec<String> = group.find_by.iter().map(term).collect();
            self.row("检索词", "Found by", &list(&terms));
            let placement = group.placement.as_deref().map(code).unwrap_or_default();
            self.row("存放位置", "Placement", &placement);
            self.put("</table>\n");
        }
    }

    /// What blocks what: each guard set with the actions for which it stands. As a list, since a
    /// table of all sets by all actions fits neither a screen nor a sheet.
    fn matrix(&mut self, doc: &PackageDoc) {
        if doc.guards.is_empty() {
            return;
        }
        self.section("共用前置条件", "Shared guards");
        self.put("<table>\n");
        for set in &doc.guards {
            let law = escape(&set.law.join("；"));
            let refusals =
                set.guards.iter().map(|g| format!("{} ({})", both(&g.text), code(&g.code)));
            let refusals = refusals.collect::<Vec<_>>().join("<br>");
            let named = doc.actions.iter().filter(|action| set.on.contains(&action.name));
            let actions = named.map(link).collect::<Vec<_>>().join("；");
            let title = both(&set.title);
            self.put(&format!(
                "<tr><th>{title}<br><span class=\"law\">{law}</span></th><td>{refusals}</td><td>{actions}</td></tr>\n"
            ));
        }
        self.put("</table>\n");
    }

    fn register(&mut self, register: &RegisterDoc, doc: &PackageDoc) {
        self.put("<section>\n");
        self.heading(3, Some(&format!("register-{}", register.name)), &register.title);
        self.put("<table>\n");
        self.row("名称", "Name", &code(&register.name));
        self.row("主责", "Steward", &role(doc, &register.steward));
        let source = register.source.as_deref().map(code).unwrap_or_default();
        self.row("来源系统接口", "Source", &source);
        self.row("主键", "Key", &code(&register.key));
        self.row("保存", "Kept", &code(&register.retention));
        let visibility = register.visibility.as_deref().map(code).unwrap_or_default();
        self.row("可见性", "Visibility", &visibility);
        self.row("字段", "Fields", &fields(&register.fields));
        let computed: Vec<String> = register
            .computed
            .iter()
            .map(|c| {
                let field = &c.field;
                let head =
                    format!("{} {} {}", code(&field.name), both(&field.title), code(&field.ty));
                format!("{head}<br>{}", code(&c.rule))
            })
            .collect();
        self.row("计算字段", "Computed", &list(&computed));
        let invariants: Vec<String> = register
            .invariants
            .iter()
            .map(|i| format!("{} ({})<br>{}", both(&i.text), code(&i.code), code(&i.that)))
            .collect();
        self.row("恒须成立", "Always", &list(&invariants));
        let timers: Vec<String> = register
            .timers
            .iter()
            .map(|timer| {
                let link = format!("<a href=\"#action-{0}\">{0}</a>", escape(&timer.action));
                format!("{} {link}<br>{}", code(&timer.name), code(&timer.at))
            })
            .collect();
        self.row("定时器", "Timers", &list(&timers));
        let writes = |action: &&ActionDoc| written_registers(action, doc).contains(&register.name);
        let writers: Vec<String> = doc.actions.iter().filter(writes).map(link).collect();
        self.row("由何业务写入", "Written by", &writers.join("<br>"));
        self.put("</table>\n</section>\n");
    }
}

fn list(items: &[String]) -> String {
    if items.is_empty() {
        return String::new();
    }
    let mut out = String::from("<ol>");
    for item in items {
        // Writing to a string cannot fail.
        let _infallible = write!(out, "<li>{item}</li>");
    }
    out + "</ol>"
}

fn claim(claim: &ClaimDoc) -> String {
    let head = fields(std::slice::from_ref(&claim.field));
    let said = fields(&claim.parameters);
    let said = if said.is_empty() { said } else { format!("<br>{said}") };
    format!("{head}<br>{}{said}", code(&claim.rule))
}

/// A field of a form: its title, which is that of the input when it has none, what it fills, and the help.
fn form_field(field: &FormFieldDoc, doc: &PackageDoc) -> String {
    let own = |fills: &String| {
        let (action, input) = fills.strip_prefix(&format!("{}.", doc.id))?.split_once('.')?;
        let action = doc.actions.iter().find(|a| a.name == action)?;
        action.input.iter().find(|i| i.name == input).map(|input| &input.title)
    };
    let title = field.title.as_ref().or_else(|| field.fills.iter().find_map(own));
    let title = title.map(|title| format!("{} ", both(title))).unwrap_or_default();
    let help = field.help.as_ref().map(|help| format!("<br>{}", both(help))).unwrap_or_default();
    format!("{title}{}{help}", codes(&field.fills))
}

fn fields(fields: &[FieldDoc]) -> String {
    let field = |f: &FieldDoc| format!("{} {} {}", code(&f.name), both(&f.title), code(&f.ty));
    fields.iter().map(field).collect::<Vec<_>>().join("<br>")
}

fn registers(action: &ActionDoc, doc: &PackageDoc) -> String {
    let mut parts = Vec::new();
    let (reads, writes) = (read_registers(action, doc), written_registers(action, doc));
    if !reads.is_empty() {
        parts.push(format!("读 · <span class=\"en\">reads</span> {}", codes(&reads)));
    }
    if !writes.is_empty() {
        parts.push(format!("写 · <span class=\"en\">writes</span> {}", codes(&writes)));
    }
    parts.join("<br>")
}

fn effects(effects: &[EffectDoc]) -> String {
    list(&effects.iter().map(effect).collect::<Vec<_>>())
}

fn sets(sets: &[SetDoc]) -> String {
    let set = |s: &SetDoc| format!("{} ← {}", code(&s.field), code(&s.rule));
    sets.iter().map(set).collect::<Vec<_>>().join("<br>")
}

fn effect(effect: &EffectDoc) -> String {
    let said = |zh: &str, en: &str| format!("{zh} · <span class=\"en\">{en}</span>");
    match effect {
        EffectDoc::Insert { register, fields, numbers, .. } => {
            let numbers: Vec<String> = numbers
                .iter()
                .map(|n| format!("<br>{} ← {}", code(&n.field), said("下一编号", "next number")))
                .collect();
            let head = format!("{} {}", said("新增记录", "a new record in"), code(register));
            format!("{head}<br>{}{}", sets(fields), numbers.concat())
        }
        EffectDoc::Update { record, set, corrects } => {
            let head = match corrects {
                Some(_) => {
                    said("更正记录（原版本保留）", "correct the record (the old version stays)")
                }
                None => said("变更记录", "change the record"),
            };
            format!("{head} {}<br>{}", code(record), sets(set))
        }
        EffectDoc::Close { record, reason } => {
            format!("{} {} ({})", said("注销", "close"), code(record), code(reason))
        }
        EffectDoc::Event { kind, key, .. } => {
            format!("{} {} → {}", said("通知", "tell followers"), code(kind), code(key))
        }
        EffectDoc::Tell { message, key, fields, .. } => {
            let head = said("告知相关办件", "tell its cases");
            let told = fields.as_ref().map(|fields| format!("<br>{}", sets(fields)));
            format!("{head} {} → {}{}", code(message), code(key), told.unwrap_or_default())
        }
        EffectDoc::Each { name, list, effects, .. } => {
            let head = said("对列表中的每一项", "for each item of");
            format!("{head} {} ({}){}", code(list), code(name), self::effects(effects))
        }
        EffectDoc::When { that, effects } => {
            format!("{} {}{}", said("如果", "when"), code(that), self::effects(effects))
        }
        EffectDoc::Count { counter, scope, by, limit } => {
            let head = said("计数", "count");
            let limit = limit.as_ref().map(|limit| {
                let most = said("至多", "at most");
                format!(
                    "<br>{most} {}: {} ({})",
                    code(&limit.max),
                    both(&limit.text),
                    code(&limit.code)
                )
            });
            let (counter, scope, by) = (code(counter), code(scope), code(by));
            format!("{head} {counter} [{scope}] + {by}{}", limit.unwrap_or_default())
        }
        EffectDoc::Append { register, key, field, items } => {
            let (head, place) =
                (said("在列表末尾追加", "append to the list"), format!("{register}.{field}"));
            format!("{head} {} [{}] + {}", code(&place), code(key), code(items))
        }
        EffectDoc::Call { package, action, input, .. } => {
            let head = said("调用业务", "call the action");
            format!("{head} {}<br>{}", code(&format!("{package}/{action}")), sets(input))
        }
    }
}
