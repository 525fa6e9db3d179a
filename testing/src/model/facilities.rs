//! Facilities around the units: an open layer that changes no right.

use super::case::{Case, take};
use super::{Model, Ruling};

impl Model {
    pub(super) fn record_facility(&mut self, case: &mut Case<'_>) -> Ruling {
        case.consents(&[])?;
        self.enter("facility", case.given.clone());
        Ok(())
    }

    /// What is not given stays as it is.
    pub(super) fn change_facility(&mut self, case: &mut Case<'_>) -> Ruling {
        let number = case.entry("facility");
        self.get("facility", number)?;
        case.consents(&[])?;
        let changed = ["name", "location", "parcels", "source"];
        self.put_all("facility", number, take(case.given, &changed));
        Ok(())
    }

    pub(super) fn close_facility(&mut self, case: &mut Case<'_>) -> Ruling {
        let number = case.entry("facility");
        self.get("facility", number)?;
        case.consents(&[])?;
        self.put("facility", number, "closed_for", case.given.get("reason").cloned());
        self.end("facility", number);
        Ok(())
    }
}
