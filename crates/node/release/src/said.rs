//! What an access or a search says to the steward alone: purpose, case number, and what goes with claims;
//! a confidential access all that it asks for.
//!
//! It lies in the vault as a group whose commitment the entry on the ledger names. The agent opens it to
//! judge the entry; a read log is shown purpose and case number of it, and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use chaincity_types::wire::{LogicalKey, Version};
use chaincity_types::{Digest, Str, Value};
use chaincity_vault::Vault;
use futures::executor::block_on;

use crate::agent::{Agent, AgentError};
use crate::answer::Refusal;
use crate::confidential::{CONFIDENTIAL, REQUEST, is_confidential};
use crate::opening::{self, Asked};
use crate::{ACCESS, PACKAGE, PARAMETERS, SEARCH, VALUE, claims};

/// The register of the grants.
pub(crate) const GRANT: &str = "grant";

/// The fields of a group.
pub(crate) type Fields = BTreeMap<Str, Value>;

/// Why an access or a search was made.
#[derive(Clone, PartialEq, Eq)]
pub struct Why {
    /// Purpose.
    pub purpose: String,
    /// Number of the case.
    pub case_number: Option<String>,
}

impl std::fmt::Debug for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Why").finish_non_exhaustive()
    }
}

impl Why {
    /// As these fields have it: those of the group, or of an old entry, in which it stands in clear.
    pub(crate) fn of(fields: &Fields) -> Option<Self> {
        let text = |name: &str| {
            let text = fields.get(name).and_then(Value::as_text);
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        Some(Self { purpose: text("purpose")?, case_number: text("case_number") })
    }
}

/// Why what is said of purpose and case does not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// No purpose was sealed.
    PurposeMissing,
    /// The purpose is not word for word that of the grant or consent.
    PurposeDiffers,
    /// No case number was sealed where one is to be stated.
    CaseMissing,
    /// Purpose or case number is not that of the search.
    SearchDiffers,
}

impl Unfit {
    /// As those of a refusal.
    pub(crate) const fn texts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::PurposeMissing => ("purpose-missing", "须载明目的", "the purpose is stated"),
            Self::PurposeDiffers => (
                "purpose-differs",
                "使用目的与授权或同意不符",
                "the purpose differs from that of the grant or consent",
            ),
            Self::CaseMissing => ("case-missing", "须载明业务号", "the case is stated"),
            Self::SearchDiffers => (
                "search-differs",
                "与所依检索的目的或业务号不一致",
                "purpose or case differ from those of the search",
            ),
        }
    }
}

/// Why an access or a search was made, as its steward's node has it, by its own vault and member; `None` at
/// every other. Whoever shows it to somebody has checked that it is his read log.
#[must_use]
pub fn why(own: Option<(&Vault, &str)>, ledger: Digest, entry: &Version) -> Option<Why> {
    if let Some(why) = Why::of(&entry.fields) {
        return Some(why);
    }
    let said = open(own?, ledger, entry);
    // A log is shown all the same.
    let told = said.inspect_err(|error| tracing::warn!(?error, "a purpose could not be opened"));
    Why::of(&told.ok()?.ok()?)
}

/// Opens what was sealed for an access or a search; no fields where it names nothing.
pub(crate) fn open(
    (vault, own): (&Vault, &str),
    ledger: Digest,
    entry: &Version,
) -> Result<Result<Fields, Refusal>, AgentError> {
    // An entry of another steward can name, with its key, what was sealed here: its log is not for it.
    if entry.fields.get("steward").and_then(Value::as_text) != Some(own) {
        return Ok(Err(Refusal::ValueInvalid));
    }
    let is_search =
        matches!(&entry.key, LogicalKey::Record { register, .. } if *register == *SEARCH);
    let (field, register, group) = if is_search {
        ("value", SEARCH, VALUE)
    } else if is_confidential(entry) {
        ("request", CONFIDENTIAL, REQUEST)
    } else {
        ("sealed_parameters", ACCESS, PARAMETERS)
    };
    let Some(held) = entry.fields.get(field).and_then(opening::held) else {
        return Ok(Ok(Fields::new()));
    };
    let group = match opening::open(vault, ledger, (PACKAGE, register, group), &held)? {
        Ok(group) => group,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let fields = claims::fields(&group).unwrap_or_default();
    // Sealed for this one alone: nobody else's says the same by naming the same.
    let is_its = fields.get("key") == entry.fields.get("key");
    Ok(if is_its { Ok(fields) } else { Err(Refusal::ValueInvalid) })
}

impl Agent {
    /// Opens what was sealed for an access or a search of this steward.
    pub(crate) fn told(&self, entry: &Version) -> Result<Result<Fields, Refusal>, AgentError> {
        open((&*self.vault, &*self.member), self.node.status().ledger, entry)
    }

    /// What an access says to this steward alone, if it is what its basis, and the search that it
    /// follows, ask for.
    pub(crate) fn said(
        &self,
        asked: &Asked,
        entry: &Version,
    ) -> Result<Result<Fields, Refusal>, AgentError> {
        self.erase_recorded(asked.sealed_parameters.into_iter())?;
        let Ok(said) = self.told(entry)? else {
            return Ok(Err(Refusal::ParameterInvalid));
        };
        let why = Why::of(&entry.fields).or_else(|| Why::of(&said));
        Ok(self.check_why(asked, why.as_ref())?.map(|()| said))
    }

    /// Whether purpose and case number are those that the access may have. Who asks for what is about
    /// himself states none.
    fn check_why(
        &self,
        asked: &Asked,
        why: Option<&Why>,
    ) -> Result<Result<(), Refusal>, AgentError> {
        let Some((register, basis)) = &asked.basis else { return Ok(Ok(())) };
        let Some(why) = why else { return Ok(Err(Refusal::Why(Unfit::PurposeMissing))) };
        let basis = self.entry(register, basis)?;
        let purpose = basis.as_ref().and_then(|basis| basis.fields.get("purpose")?.as_text());
        if purpose != Some(&*why.purpose) {
            return Ok(Err(Refusal::Why(Unfit::PurposeDiffers)));
        }
        if *register == GRANT && why.case_number.is_none() {
            return Ok(Err(Refusal::Why(Unfit::CaseMissing)));
        }
        let Some(search) = &asked.search else { return Ok(Ok(())) };
        let ledger = self.node.status().ledger;
        let search = self.entry(SEARCH, search)?;
        let own = (&*self.vault, &*self.member);
        let of_search = search.and_then(|search| self::why(Some(own), ledger, &search));
        Ok(if of_search.as_ref() == Some(why) {
            Ok(())
        } else {
            Err(Refusal::Why(Unfit::SearchDiffers))
        })
    }

    /// A record of the protocol, as it is now.
    fn entry(&self, register: &str, key: &str) -> Result<Option<Arc<Version>>, AgentError> {
        let key = LogicalKey::Record {
            package: PACKAGE.into(),
            register: register.into(),
            key: key.into(),
        };
        let found = block_on(self.node.record(key))?;
        Ok(found.map(|(_, version)| version))
    }
}
