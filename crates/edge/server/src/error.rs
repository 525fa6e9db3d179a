//! Every answer that is not a success is made here.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chaincity_api::{Problem, ProblemBody};
use chaincity_pipeline::NodeError;
use chaincity_query::QueryError;
use chaincity_types::Reject;

/// A failed request: status and body.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    body: Box<ProblemBody>,
}

pub(crate) type Answer<T> = Result<T, Failure>;

impl Failure {
    /// A problem with a detail for developers; never a value of a record.
    pub(crate) fn because(problem: Problem, detail: impl Into<String>) -> Self {
        Self::with(problem, Some(detail.into()))
    }

    /// A refused transaction, by the kernel's code.
    pub(crate) fn rejected(code: Reject, detail: Option<String>) -> Self {
        let retry_after_s = (code == Reject::Busy).then_some(1);
        let body = ProblemBody {
            code: code.code().to_owned(),
            zh: code.zh().to_owned(),
            en: code.en().to_owned(),
            detail,
            retry_after_s,
        };
        Self { status: status_of(code), body: Box::new(body) }
    }

    /// A transaction refused by a package's guard.
    pub(crate) fn guarded(code: String, zh: String, en: String, detail: Option<String>) -> Self {
        let body = ProblemBody { code, zh, en, detail, retry_after_s: None };
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, body: Box::new(body) }
    }

    fn with(problem: Problem, detail: Option<String>) -> Self {
        let status = StatusCode::from_u16(problem.status());
        Self {
            status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            body: Box::new(problem.body(detail)),
        }
    }

    /// Whether this is that problem.
    pub(crate) fn is(&self, problem: Problem) -> bool {
        self.body.code == problem.code()
    }

    /// The body alone, where it is part of another answer.
    pub(crate) fn into_body(self) -> ProblemBody {
        *self.body
    }

    /// What is answered.
    #[cfg(test)]
    pub(crate) fn body(&self) -> &ProblemBody {
        &self.body
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::with(problem, None)
    }
}

impl From<NodeError> for Failure {
    fn from(error: NodeError) -> Self {
        let text = error.to_string();
        match error {
            NodeError::NotReady => Self::because(Problem::NotReady, text),
            NodeError::HistoryIncomplete { .. } | NodeError::BodyMissing { .. } => {
                Self::because(Problem::HistoryIncomplete, text)
            }
            NodeError::NotCertified(_) => Self::because(Problem::NotCertified, text),
            NodeError::Fault(_) => fault(&text),
        }
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        let text = error.to_string();
        if error.is_request() {
            // A selection has codes of its own; whatever has none here is a bad request.
            let own = Problem::ALL.iter().find(|problem| problem.code() == error.code());
            return Self::because(own.copied().unwrap_or(Problem::BadRequest), text);
        }
        if let QueryError::Incomplete { .. } = error {
            return Self::because(Problem::HistoryIncomplete, text);
        }
        if let QueryError::PackageBehind { .. } = error {
            return Self::because(Problem::NotReady, text);
        }
        fault(&chain(&error))
    }
}

/// An error with its causes, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// A fault of this node: the operator reads what it was in the log, the caller does not.
pub(crate) fn fault(text: &str) -> Failure {
    tracing::error!(fault = text, "a request failed");
    Problem::Fault.into()
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let retry_after = self.body.retry_after_s;
        let mut response = (self.status, Json(self.body)).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

/// Refusals whose status is not 422 (the request is well-formed, but cannot be carried out).
const STATUSES: &[(StatusCode, &[Reject])] = &[
    (StatusCode::PAYLOAD_TOO_LARGE, &[Reject::TooLarge]),
    (
        StatusCode::BAD_REQUEST,
        &[
            Reject::Malformed,
            Reject::TooDeep,
            Reject::CallCount,
            Reject::WrongLedger,
            Reject::WrongProtocol,
            Reject::Expired,
            Reject::ExpiryTooFar,
        ],
    ),
    (
        StatusCode::FORBIDDEN,
        &[
            Reject::BadSignature,
            Reject::UnknownOperator,
            Reject::NotAuthorised,
            Reject::MandateMissing,
            Reject::MandateInvalid,
        ],
    ),
    (
        StatusCode::CONFLICT,
        &[
            Reject::Duplicate,
            Reject::IntentUsed,
            Reject::Exists,
            Reject::UniqueTaken,
            Reject::RecordClosed,
            Reject::CorrectionMismatch,
        ],
    ),
    (StatusCode::TOO_MANY_REQUESTS, &[Reject::Busy]),
];

/// The HTTP status of a refusal.
fn status_of(code: Reject) -> StatusCode {
    STATUSES
        .iter()
        .find(|(_, codes)| codes.contains(&code))
        .map_or(StatusCode::UNPROCESSABLE_ENTITY, |(status, _)| *status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_the_kernels_code_and_has_a_status_of_the_callers_fault() {
        for code in Reject::ALL {
            let failure = Failure::rejected(*code, None);
            assert_eq!(failure.body().code, code.code());
            assert!(failure.status.is_client_error(), "{code:?}");
        }
        let busy = Failure::rejected(Reject::Busy, None).into_response();
        assert_eq!(busy.headers()[header::RETRY_AFTER], "1");
    }

    #[test]
    fn a_fault_does_not_tell_the_caller_what_broke() {
        let failure = Failure::from(NodeError::Fault("disk /dev/x".into()));
        assert_eq!(failure.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(failure.body().detail, None);
    }
}
