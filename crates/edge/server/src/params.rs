//! Reads paths, queries and bodies: each bounded, each refused with its own code.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};
use bytes::{Bytes, BytesMut};
use chaincity_api::Problem;
use chaincity_types::Digest;
use futures::StreamExt as _;
use serde::de::DeserializeOwned;

use crate::error::{Answer, Failure};

/// Path parameters, as texts in order.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Parameters<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Answer<Self> {
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

    /// Takes a height or version number out: at most 2⁶³ − 1, which every language holds.
    pub(crate) fn height(&mut self, name: &str) -> Answer<Option<u64>> {
        self.parsed(name, "a number from 0 to 2^63 - 1", height)
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

/// Reads a height or a version number.
pub(crate) fn height(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number| i64::try_from(*number).is_ok())
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

/// How much of a body beyond its bound is read and thrown away, in bytes: a sender that is still
/// writing when the connection closes may never see why it was refused.
const DRAIN_BYTES_MAX: usize = 1024 * 1024;

/// Reads a body of the wanted content type and at most `max` bytes.
pub(crate) async fn body(request: Request, wanted: &str, max: usize) -> Answer<Bytes> {
    check_media(request.headers(), wanted)?;
    let mut stream = request.into_body().into_data_stream();
    let (mut read, mut kept) = (0_usize, BytesMut::new());
    while let Some(chunk) = stream.next().await {
        let broken = |_| Failure::because(Problem::BadRequest, "the body broke off");
        let chunk = chunk.map_err(broken)?;
        read = read.saturating_add(chunk.len());
        if read > max.saturating_add(DRAIN_BYTES_MAX) {
            break;
        }
        if read <= max {
            kept.extend_from_slice(&chunk);
        }
    }
    if read > max {
        return Err(Failure::because(Problem::BodyTooLarge, format!("at most {max} bytes")));
    }
    Ok(kept.freeze())
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
