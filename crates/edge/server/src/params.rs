//! Reads paths, queries and bodies: each bounded, each refused with its own code.

use std::fmt::Display;
use std::str::FromStr;

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};
use bytes::Bytes;
use chaincity_api::Problem;
use chaincity_types::Digest;
use serde::de::DeserializeOwned;

use crate::error::{Answer, Failure};

/// Longest single path parameter, in bytes.
const PARAMETER_BYTES_MAX: usize = 256;

/// Path parameters, as texts in order.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Parameters<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
        let too_long = |part: &str| part.len() > PARAMETER_BYTES_MAX.saturating_mul(3);
        if parts.uri.path().split('/').any(too_long) {
            return Err(Problem::UriTooLong.into());
        }
        let Path(values) = Path::<T>::from_request_parts(parts, state)
            .await
            .map_err(|_rejection| Failure::because(Problem::BadRequest, "a path parameter"))?;
        Ok(Self(values))
    }
}

/// The query's parameters, each at most once.
pub(crate) struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answer<Self> {
        Self::read(&parts.uri)
    }
}

impl Params {
    fn read(uri: &Uri) -> Answer<Self> {
        let bad = |text: &str| Failure::because(Problem::BadRequest, text);
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_rejection| bad("the query is not well-formed"))?;
        Ok(Self(pairs))
    }

    /// Takes a parameter out; an error when it stands twice.
    pub(crate) fn text(&mut self, name: &str) -> Answer<Option<String>> {
        let (found, rest) = std::mem::take(&mut self.0).into_iter().partition(|(n, _)| n == name);
        self.0 = rest;
        let mut found: Vec<(String, String)> = found;
        let last = found.pop();
        if found.is_empty() {
            Ok(last.map(|(_, value)| value))
        } else {
            Err(Failure::because(Problem::BadRequest, format!("`{name}` stands twice")))
        }
    }

    /// Takes a number out.
    pub(crate) fn number<N: FromStr>(&mut self, name: &str) -> Answer<Option<N>> {
        self.parsed(name, "a number", |text| text.parse().ok())
    }

    /// Takes a number out, `default` when absent, refused outside `1..=max`.
    pub(crate) fn limit(&mut self, name: &str, default: usize, max: usize) -> Answer<usize> {
        let limit = self.number(name)?.unwrap_or(default);
        if (1..=max).contains(&limit) {
            Ok(limit)
        } else {
            Err(Failure::because(Problem::BadRequest, format!("`{name}` must be 1 to {max}")))
        }
    }

    /// Takes a parameter out and reads it.
    pub(crate) fn parsed<T>(
        &mut self,
        name: &str,
        expected: impl Display,
        read: impl Fn(&str) -> Option<T>,
    ) -> Answer<Option<T>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let wrong =
            || Failure::because(Problem::BadRequest, format!("`{name}` must be {expected}"));
        read(&text).map(Some).ok_or_else(wrong)
    }

    /// What was not taken.
    pub(crate) fn rest(self) -> Vec<(String, String)> {
        self.0
    }

    /// Refuses parameters that nobody took: a misspelt filter must not pass for none.
    pub(crate) fn done(self) -> Answer<()> {
        match self.0.first() {
            None => Ok(()),
            Some(_) => Err(Failure::because(Problem::BadRequest, "an unknown query parameter")),
        }
    }
}

/// A digest in a path, such as a transaction id.
pub(crate) fn digest(text: &str, what: &str) -> Answer<Digest> {
    let wrong =
        |_| Failure::because(Problem::BadRequest, format!("{what} must be 64 hexadecimal digits"));
    Digest::from_hex(text).map_err(wrong)
}

/// Refuses a body of another content type than `wanted`; parameters after `;` do not count.
pub(crate) fn check_media(headers: &HeaderMap, wanted: &str) -> Answer<()> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    if given.eq_ignore_ascii_case(wanted) {
        Ok(())
    } else {
        Err(Failure::because(Problem::MediaType, format!("`{wanted}` is wanted")))
    }
}

/// Reads a body of the wanted content type and at most `max` bytes.
pub(crate) async fn body(request: Request, wanted: &str, max: usize) -> Answer<Bytes> {
    check_media(request.headers(), wanted)?;
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<usize>().ok());
    let too_large = || Failure::because(Problem::BodyTooLarge, format!("at most {max} bytes"));
    if announced.is_some_and(|length| length > max) {
        return Err(too_large());
    }
    let body: Body = request.into_body();
    to_bytes(body, max).await.map_err(|_error| too_large())
}

/// Reads a JSON body.
pub(crate) async fn json<T: DeserializeOwned>(request: Request, max: usize) -> Answer<T> {
    let bytes = body(request, "application/json", max).await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        // The position, and not serde's text, which may quote a value.
        let place = format!("not the wanted JSON, line {} column {}", error.line(), error.column());
        Failure::because(Problem::BadRequest, place)
    })
}
