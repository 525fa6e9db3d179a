//! Every endpoint, once: method, path, who may call it.

/// A method of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Submits.
    Post,
}

/// Who may call an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone: the answer is public, or the request carries its own signature.
    Open,
    /// Callers on the node's own machine, and those of the separate metrics address.
    Loopback,
    /// Holders of a session token.
    Token,
}

/// Declares the endpoints.
macro_rules! endpoints {
    ($($(#[$doc:meta])* $variant:ident = $method:ident $path:literal $access:ident $tag:literal $summary:literal;)*) => {
        /// An endpoint of the interface.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Endpoint { $($(#[$doc])* $variant,)* }

        impl Endpoint {
            /// Every endpoint, in the order of the documents.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its method.
            #[must_use]
            pub const fn method(self) -> Method {
                match self { $(Self::$variant => Method::$method,)* }
            }

            /// Its path, with `{parameters}`.
            #[must_use]
            pub const fn path(self) -> &'static str {
                match self { $(Self::$variant => $path,)* }
            }

            /// Who may call it.
            #[must_use]
            pub const fn access(self) -> Access {
                match self { $(Self::$variant => Access::$access,)* }
            }

            /// The group it belongs to in documents.
            #[must_use]
            pub const fn tag(self) -> &'static str {
                match self { $(Self::$variant => $tag,)* }
            }

            /// What it does, in one line.
            #[must_use]
            pub const fn summary(self) -> &'static str {
                match self { $(Self::$variant => $summary,)* }
            }

            /// The stable name of the operation.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* }
            }
        }
    };
}

endpoints! {
    /// Submits a signed transaction.
    SubmitTransaction = Post "/v1/transactions" Open "transactions" "Submit a signed transaction";
    /// Submits many signed transactions.
    SubmitTransactions = Post "/v1/transactions/batch" Open "transactions" "Submit many signed transactions at once";
    /// The receipt of a final transaction.
    GetReceipt = Get "/v1/receipts/{id}" Token "transactions" "The receipt of a final transaction";
    /// Proof of a receipt.
    GetReceiptProof = Get "/v1/receipts/{id}/proof" Token "transactions" "Proof of a receipt, as CBOR";
    /// Current records of a register.
    SelectRecords = Get "/v1/records/{package}/{register}" Token "records" "Records of a register, filtered, sorted, in pages";
    /// One record, now or as of a time.
    GetRecord = Get "/v1/records/{package}/{register}/{key}" Token "records" "A record: its current version, or the one of a past time";
    /// Versions of a record.
    GetHistory = Get "/v1/records/{package}/{register}/{key}/history" Token "records" "Every version of a record, newest first";
    /// How a record came to be as it is.
    ExplainRecord = Get "/v1/records/{package}/{register}/{key}/explanation" Token "records" "How a record came to be as it is: each version with author, rules, changes and source, oldest first";
    /// Proof of a record or of its absence.
    GetRecordProof = Get "/v1/records/{package}/{register}/{key}/proof" Token "records" "Proof of a record's current version or of its absence, as CBOR";
    /// Proof of a counter.
    GetCounterProof = Get "/v1/counters/{package}/{sequence}/proof" Token "records" "Proof of where a running number or counter stands, as CBOR";
    /// What was asked about a person.
    GetSubjectLog = Get "/v1/read-log/subjects/{subject}" Token "read log" "Who asked for what about a person, and what came of it";
    /// What was asked of a steward.
    GetStewardLog = Get "/v1/read-log/stewards/{member}" Token "read log" "Who asked a member for what, and what came of it";
    /// How a steward's data was used.
    GetStewardUse = Get "/v1/read-log/stewards/{member}/use" Token "read log" "Use of a member's data by reader, purpose and day, with unusual volumes";
    /// Every access.
    GetAuditLog = Get "/v1/read-log" Token "read log" "Every access, for auditors: never a value";
    /// Figures of cases.
    CountCases = Get "/v1/cases/statistics" Token "cases" "Figures of cases and tasks by process, step and office";
    /// The node's state.
    GetStatus = Get "/v1/status" Open "node" "The node's state";
    /// The committee.
    GetValidators = Get "/v1/validators" Token "node" "The committee of the current epoch";
    /// Blocks, newest first.
    ListBlocks = Get "/v1/blocks" Token "blocks" "Final blocks, newest first";
    /// One block.
    GetBlock = Get "/v1/blocks/{height}" Token "blocks" "A final block with its receipts and writes";
    /// The trust bundle.
    GetTrustBundle = Get "/v1/trust-bundle" Token "verification" "What a verifier needs to check proofs offline, as CBOR";
    /// Packages in force.
    ListPackages = Get "/v1/packages" Token "packages" "Packages in force";
    /// One package.
    GetPackage = Get "/v1/packages/{id}" Token "packages" "A package: its registers and actions";
    /// Final blocks as they come.
    FollowEvents = Get "/v1/events" Token "events" "Final blocks with receipts and events, as server-sent events";
    /// A challenge to sign.
    CreateChallenge = Post "/v1/session/challenge" Open "session" "A challenge for an operator to sign";
    /// A token for a signed challenge.
    CreateSession = Post "/v1/session" Open "session" "A session token for a signed challenge";
    /// Seals a field group.
    SealGroup = Post "/v1/vault/groups" Token "vault" "Seal a field group in the vault of the node's member";
    /// Keeps a copy of a sealed group.
    KeepCopy = Post "/v1/vault/copies" Token "vault" "Keep a sealed group of the member's other vault, as CBOR, on standby";
    /// The envelope of a released access.
    GetEnvelope = Get "/v1/vault/envelopes/{access}" Token "vault" "The sealed envelope of a released access, a confidential one too, as CBOR";
    /// The request of a confidential access.
    GetRequest = Get "/v1/vault/requests/{request}" Token "vault" "What a confidential access asks for, for the steward's clerk and the auditor";
    /// The envelope of an answered search.
    GetSearch = Get "/v1/vault/searches/{search}" Token "vault" "The sealed result of an answered search, as CBOR";
    /// Evaluates a blinded question.
    EvaluateQuestion = Post "/v1/sector/evaluations" Token "sector ids" "Evaluate a blinded question that stands on the ledger, as CBOR";
    /// Checks a proof.
    Verify = Post "/v1/verify" Open "verification" "Check a proof against a trust bundle";
    /// Whether the process runs.
    GetLive = Get "/v1/health/live" Open "node" "Whether the process answers";
    /// Whether the node can serve.
    GetReady = Get "/v1/health/ready" Open "node" "Whether the node holds state and follows the ledger";
    /// Metrics.
    GetMetrics = Get "/metrics" Loopback "node" "Metrics in Prometheus' text format";
    /// The OpenAPI document.
    GetOpenApi = Get "/openapi.json" Open "node" "This document";
}

impl Endpoint {
    /// The path with its parameters filled in, each percent-encoded, in order.
    ///
    /// A missing argument leaves its placeholder; a superfluous one is ignored.
    #[must_use]
    pub fn url(self, arguments: &[&str]) -> String {
        let mut arguments = arguments.iter();
        let filled: Vec<String> = self
            .path()
            .split('/')
            .map(|part| {
                match (part.starts_with('{'), part.starts_with('{').then(|| arguments.next())) {
                    (true, Some(Some(argument))) => encode_segment(argument),
                    _ => part.to_owned(),
                }
            })
            .collect();
        filled.join("/")
    }
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
#[must_use]
pub fn encode_segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&hex::encode_upper([byte]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_filled_in_and_escaped() {
        assert_eq!(
            Endpoint::GetHistory.url(&["real-estate", "unit", "a/b 京"]),
            "/v1/records/real-estate/unit/a%2Fb%20%E4%BA%AC/history"
        );
        assert_eq!(Endpoint::GetStatus.url(&["x"]), "/v1/status");
    }

    #[test]
    fn only_health_status_submission_verification_and_signing_in_are_open() {
        let open: Vec<_> =
            Endpoint::ALL.iter().filter(|e| e.access() == Access::Open).map(|e| e.path()).collect();
        assert_eq!(
            open,
            [
                "/v1/transactions",
                "/v1/transactions/batch",
                "/v1/status",
                "/v1/session/challenge",
                "/v1/session",
                "/v1/verify",
                "/v1/health/live",
                "/v1/health/ready",
                "/openapi.json"
            ]
        );
    }
}
