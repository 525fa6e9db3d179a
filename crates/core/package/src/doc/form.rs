//! Forms in a package document: what a person fills in for a task.

use minicbor::{Decode, Encode};

use super::TextDoc;

/// A form: what a person fills in for a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct FormDoc {
    /// Name, as `chaincity:form` names it.
    #[n(1)]
    pub name: String,
    /// Title.
    #[n(2)]
    pub title: TextDoc,
    /// Fields, in the order in which they are filled in.
    #[n(3)]
    pub fields: Vec<FormFieldDoc>,
    /// Evidence that goes with it.
    #[n(4)]
    pub evidence: Vec<EvidenceDoc>,
    /// What helps with the whole.
    #[n(5)]
    pub help: Option<TextDoc>,
}

/// A field of a form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct FormFieldDoc {
    /// What it fills: inputs as `package.action.input`, variables of the process by their names.
    #[n(1)]
    pub fills: Vec<String>,
    /// Title; that of the input when absent.
    #[n(2)]
    pub title: Option<TextDoc>,
    /// What helps to fill it in.
    #[n(3)]
    pub help: Option<TextDoc>,
}

/// A kind of evidence.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct EvidenceDoc {
    /// Kind, as `chaincity:evidence` names it.
    #[n(0)]
    pub kind: String,
    /// Title.
    #[n(1)]
    pub title: TextDoc,
}
