//! Certificates, and sales that are only recorded.

use super::case::{Case, text};
use super::days::year;
use super::request::Fact;
use super::{Model, Ruling, demand};

/// Where certificates are issued.
const OFFICE: &str = "娄底市";
/// What a certificate can be of.
const OF: [&str; 6] = ["right", "mortgage", "notice", "objection", "easement", "residence"];

impl Model {
    pub(super) fn issue_certificate(&mut self, case: &mut Case<'_>) -> Ruling {
        let named: Vec<&'static str> = OF.into_iter().filter(|name| case.has(name)).collect();
        for register in &named {
            self.get(register, case.entry(register))?;
        }
        case.consents(&[])?;
        demand(named.len() == 1, "one-entry")?;
        let register = named.first().copied().unwrap_or("right");
        let entry = self.get(register, case.entry(register))?;
        demand(!entry.facts.contains_key("certificate"), "certificate-given")?;
        let (kind, words) = match register {
            "right" => ("title", "不动产权"),
            _ => ("proof", "不动产证明"),
        };
        let year = year(case.today);
        let last = self.last_numbers.get(&(kind, OFFICE.to_owned(), year)).copied().unwrap_or(0);
        let number = format!("湘({year}){OFFICE}{words}第{:07}号", last.saturating_add(1));
        let facts = [
            ("number", number.into()),
            ("kind", kind.into()),
            ("issued", Fact::Day(case.today)),
            (register, Fact::Entry(register, case.entry(register))),
        ];
        self.enter("certificate", facts.into());
        Ok(())
    }

    /// One certificate in force of each entry. A number counts once its certificate stands.
    pub(super) fn check_certificates(&mut self) -> Ruling {
        let fresh = self.touched.iter().find(|(key, was)| key.0 == "certificate" && was.is_none());
        let Some((&(register, number), _)) = fresh else { return Ok(()) };
        let Some(new) = self.entry(register, number) else { return Ok(()) };
        for of in OF {
            let Some(entry) = new.facts.get(of) else { continue };
            let all = self.entries("certificate").iter();
            let count = all.filter(|c| c.live && c.facts.get(of) == Some(entry)).count();
            demand(count <= 1, "unique-taken")?;
        }
        let kind = if text(&new.facts, "kind") == "title" { "title" } else { "proof" };
        let issued = super::case::day(&new.facts, "issued").map_or(0, year);
        self.next_number(kind, OFFICE, issued);
        Ok(())
    }

    pub(super) fn void_certificate(&mut self, case: &mut Case<'_>) -> Ruling {
        let number = case.entry("certificate");
        self.get("certificate", number)?;
        case.consents(&[])?;
        demand(!case.text("reason").is_empty(), "reason-missing")?;
        self.put("certificate", number, "void_reason", case.given.get("reason").cloned());
        self.end("certificate", number);
        Ok(())
    }

    /// A sale as it was reported: it changes no right, and may be of a unit that is no more.
    pub(super) fn record_sale(&mut self, case: &mut Case<'_>) -> Ruling {
        case.consents(&[])?;
        let number = case.text("number");
        let known = |sale: &super::Entry| text(&sale.facts, "number") == number;
        demand(!self.entries("transaction").iter().any(known), "sale-exists")?;
        demand(case.day("date") <= Some(case.today), "sale-in-future")?;
        self.enter("transaction", case.given.clone());
        Ok(())
    }
}
