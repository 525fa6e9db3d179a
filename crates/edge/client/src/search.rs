//! Searches of a member's own staff in its vault: the value sealed there, a search on the ledger, its
//! answer by the steward's service, the result opened here and checked against what the ledger holds.

use std::collections::BTreeMap;
use std::time::Duration;

use chaincity_api::package::{FieldKind, PackageInfo};
use chaincity_crypto::claim;
use chaincity_crypto::envelope::{self, ReaderKey, SealedGroup};
use chaincity_types::Value;
use chaincity_types::wire::Call;
use serde_json::{Map, Value as Json};
use zeroize::Zeroizing;

use crate::asking::{Answer, DISCLOSURE, LAG, VERSIONS, answer, commitment, named, one_time_key};
use crate::client::Client;
use crate::error::ClientError;
use crate::submit::call;
use crate::vault::until;

/// The register of the searches, its action, and what a hit is stated as before the kind of term.
const SEARCH: &str = "search";

/// What is searched for.
#[derive(Clone)]
pub struct Search {
    /// Package identifier.
    pub package: String,
    /// Register.
    pub register: String,
    /// Kind of term, as the package's groups name it in `find_by`.
    pub kind: String,
    /// The text; wiped when dropped, and never printed.
    pub text: Zeroizing<String>,
    /// Purpose.
    pub purpose: String,
    /// Number of the case.
    pub case: String,
}

impl std::fmt::Debug for Search {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Search")
            .field("package", &self.package)
            .field("register", &self.register)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// A record that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Its key.
    pub record: String,
    /// The version that held the group.
    pub version: u64,
    /// The group that has the term.
    pub group: String,
}

/// What came of a search.
pub type Searched = Answer<Vec<Hit>>;

impl Client {
    /// Searches the vault of the caller's member: seals the value there, asks on the ledger, waits at
    /// most `wait` for the answer, fetches the result from `steward` (a client of the member's node
    /// that keeps the vault, signed in with the same key), and opens it. The one-time key never leaves
    /// this call.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub fn search(
        &self,
        search: &Search,
        steward: &Self,
        wait: Duration,
    ) -> Result<Searched, ClientError> {
        let key = one_time_key()?;
        let numbers = match self.ask(search_call(search, &key, steward)?)? {
            Ok(numbers) => numbers,
            Err(code) => return Ok(Answer::Rejected { code }),
        };
        let number = numbers.into_iter().next();
        let number = number.ok_or_else(|| answer("a search without an event"))?;
        let answered = match self.await_answer(SEARCH, &number, wait)? {
            Ok(answered) => answered,
            Err(other) => return Ok(other),
        };
        let found = answered.fields.get("found").and_then(Json::as_u64);
        if found == Some(0) {
            return Ok(Answer::Given { number, given: Vec::new() });
        }
        let sealed = until(LAG, || steward.search_result(&number))?;
        let sealed = sealed.ok_or_else(|| answer("the steward's node knows of no answer"))?;
        if found != u64::try_from(sealed.groups.len()).ok() {
            return Err(answer("a result with other hits than the ledger says"));
        }
        let package = self.package(&search.package)?;
        let package = package.ok_or_else(|| answer("a package that the node does not know"))?;
        let hit = |group| self.hit(search, (&number, &key), &package, group);
        let given = sealed.groups.iter().map(hit).collect::<Result<_, _>>()?;
        Ok(Answer::Given { number, given })
    }

    /// Opens a hit: stated and signed for this search, about a version that holds the group, proved.
    fn hit(
        &self,
        search: &Search,
        (number, key): (&str, &ReaderKey),
        package: &PackageInfo,
        sealed: &SealedGroup,
    ) -> Result<Hit, ClientError> {
        let context = &sealed.context;
        let is_its = context.ledger == self.ledger
            && context.access == number
            && context.package == search.package
            && context.register == search.register
            && context.claim.as_deref() == Some(&*format!("{SEARCH}:{}", search.kind));
        if !is_its {
            return Err(answer("a hit of another search"));
        }
        let signed = envelope::open_claim(key, sealed, context)
            .map_err(|error| answer(&format!("a hit that does not open: {error}")))?;
        let signed = claim::open(&signed)
            .map_err(|error| answer(&format!("a hit that is not signed: {error}")))?;
        if signed.statement.context != *context {
            return Err(answer("a hit about another record"));
        }
        let (record, version) = (&context.record, context.version);
        let proved = self.record_proved(&search.package, &search.register, record, VERSIONS)?;
        let held = proved.versions.iter().find(|held| held.version == version);
        let held = held.ok_or_else(|| answer("a hit of a version that is not there"))?;
        let register = package.registers.get(&search.register);
        let mut fields = register.iter().flat_map(|register| &register.fields);
        let holds = fields.any(|(name, field)| {
            matches!(&field.kind, FieldKind::Sealed { group } if *group == context.group)
                && commitment(&held.fields, name) == Some(context.commitment)
        });
        if holds {
            Ok(Hit { record: record.clone(), version, group: context.group.clone() })
        } else {
            Err(answer("a hit of a group that the record does not hold"))
        }
    }
}

/// The call, once what is searched for, and why, is sealed at the steward.
fn search_call(search: &Search, key: &ReaderKey, steward: &Client) -> Result<Call, ClientError> {
    let values = Map::from_iter([
        ("key".to_owned(), hex::encode(key.public_key()).into()),
        ("kind".to_owned(), search.kind.as_str().into()),
        ("text".to_owned(), search.text.as_str().into()),
        ("purpose".to_owned(), search.purpose.as_str().into()),
        ("case_number".to_owned(), search.case.as_str().into()),
    ]);
    let input = BTreeMap::from([
        ("in_package".into(), Value::from(search.package.as_str())),
        ("register".into(), Value::from(search.register.as_str())),
        ("kind".into(), Value::from(search.kind.as_str())),
        ("value".into(), named(steward.say(SEARCH, "search-value", values)?)),
        ("key".into(), Value::Bytes(key.public_key().to_vec())),
    ]);
    Ok(call(DISCLOSURE, SEARCH, input))
}
