//! Inputs written as JSON.

use std::collections::BTreeMap;

use chaincity_api::json::read_fields;
use chaincity_types::wire::Call;
use chaincity_types::{Str, Value};

use crate::client::Client;
use crate::error::ClientError;
use crate::submit::call;

impl Client {
    /// A call whose input is written as JSON, read by the action's declaration: money as an
    /// integer of fen, areas and decimals as strings, bytes in hexadecimal.
    ///
    /// # Errors
    /// When the package or action is not in force, or the input does not fit.
    pub fn call_from_json(
        &self,
        package: &str,
        action: &str,
        input: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<Call, ClientError> {
        let unknown = |what: String| ClientError::Setup(format!("{what} is not in force"));
        let found =
            self.package(package)?.ok_or_else(|| unknown(format!("package `{package}`")))?;
        let declared = found.actions.get(action);
        let declared = declared.ok_or_else(|| unknown(format!("action `{package}/{action}`")))?;
        let input: BTreeMap<Str, Value> = read_fields(&declared.input, input)?;
        Ok(call(package, action, input))
    }
}
