//! Exported objects as pages to print: A4, one object a page, both languages, nothing from
//! elsewhere, everything escaped.
//!
//! A page is an object with the attributes `title_zh` and `lines_zh`, and the same with `_en`.

use std::fmt::Write;

use chaincity_package::describe::escape;
use chaincity_package::export::Exported;
use serde_json::Value as Json;

const STYLE: &str = "@page{size:A4;margin:20mm 18mm}\
    body{font:12pt/1.8 'Noto Sans CJK SC','Source Han Sans SC','Microsoft YaHei',sans-serif;\
    color:#111;max-width:174mm;margin:0 auto}h1{font-size:18pt;text-align:center}\
    p{margin:.3em 0;overflow-wrap:anywhere}section{break-after:page}section:last-child{\
    break-after:auto}.en{color:#444;font-size:.85em;margin-top:2em}.en h1{font-size:13pt}\
    @media screen{body{padding:1.5em}section{margin-bottom:4em}}";

/// What stands before the first page.
pub(super) fn head(title: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"zh\">\n<head><meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'\">\n<title>{}</title>\n<style>{STYLE}</style></head>\n<body>",
        escape(title)
    )
}

/// What stands after the last page.
pub(super) const TAIL: &str = "</body>\n</html>";

/// The page of an object; `None` when it has none.
pub(super) fn page(object: &Exported) -> Option<String> {
    let mut html = String::from("<section>\n");
    language(&mut html, object, "zh")?;
    html.push_str("<div class=\"en\" lang=\"en\">\n");
    language(&mut html, object, "en")?;
    html.push_str("</div>\n</section>");
    Some(html)
}

fn language(html: &mut String, object: &Exported, language: &str) -> Option<()> {
    let title = object.attributes.get(&format!("title_{language}"))?.as_str()?;
    let lines = object.attributes.get(&format!("lines_{language}"))?.as_array()?;
    writeln!(html, "<h1>{}</h1>", escape(title)).ok()?;
    for line in lines.iter().filter_map(Json::as_str) {
        writeln!(html, "<p>{}</p>", escape(line)).ok()?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(attributes: Json) -> Exported {
        let Json::Object(attributes) = attributes else { panic!("an object") };
        Exported { class: "notice".to_owned(), id: "1".to_owned(), attributes }
    }

    #[test]
    fn a_page_has_title_and_lines_in_both_languages_and_no_markup_of_its_texts() {
        let page = page(&object(json!({
            "title_zh": "一次性告知书",
            "title_en": "One-time notice",
            "lines_zh": ["材料1：<b>申请书</b>"],
            "lines_en": ["material 1: form & plan"],
        })));
        let page = page.unwrap();
        assert!(page.contains("<h1>一次性告知书</h1>\n<p>材料1：&lt;b&gt;申请书&lt;/b&gt;</p>"));
        assert!(page.contains("<h1>One-time notice</h1>\n<p>material 1: form &amp; plan</p>"));
    }

    #[test]
    fn what_lacks_a_language_is_no_page() {
        let whole = json!({"title_zh": "书", "title_en": "page", "lines_zh": [], "lines_en": []});
        assert!(page(&object(whole.clone())).is_some());
        for name in ["title_zh", "title_en", "lines_zh", "lines_en"] {
            let mut part = whole.clone();
            part.as_object_mut().unwrap().remove(name);
            assert_eq!(page(&object(part)), None, "{name}");
        }
    }
}
