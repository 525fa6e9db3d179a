//! The OpenAPI 3.1 document, made from [`Endpoint`] and the types of this crate.

use utoipa::ToSchema;
use utoipa::openapi::path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ComponentsBuilder, KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, HttpMethod, InfoBuilder, License, OpenApi, OpenApiBuilder, Paths, Ref, RefOr,
    Required, ResponseBuilder, Schema,
};

use crate::endpoint::{Access, Endpoint, Method};
use crate::transaction::WAIT_MS_MAX;
use crate::{
    CBOR, COSE, ProblemBody, block, explain, package, read_log, record, session, statistics,
    status, transaction, vault,
};

const JSON: &str = "application/json";
const TEXT: &str = "text/plain";
const EVENTS: &str = "text/event-stream";
const BEARER: &str = "session";
const DIGEST: &str = "^[0-9a-fA-F]{64}$";

/// The document as pretty JSON, ending with a line feed.
#[must_use]
pub fn text() -> String {
    let mut text = document().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// The document.
#[must_use]
pub fn document() -> OpenApi {
    let mut paths = Paths::new();
    for endpoint in Endpoint::ALL {
        let method = match endpoint.method() {
            Method::Get => HttpMethod::Get,
            Method::Post => HttpMethod::Post,
        };
        paths.add_path_operation(endpoint.path(), vec![method], operation(*endpoint));
    }
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A token of 15 minutes, bound to the operator's key: POST /v1/session"))
        .build();
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas())
        .security_scheme(BEARER, SecurityScheme::Http(scheme));
    let mut license = License::new("Apache-2.0");
    license.identifier = Some("Apache-2.0".to_owned());
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Chaincity 链城")
                .version("1")
                .description(Some(DESCRIPTION))
                .license(Some(license)),
        )
        .paths(paths)
        .components(Some(components.build()))
        .build()
}

const DESCRIPTION: &str = "The public interface of a node. Money is an integer of fen; areas and \
other decimals are strings; digests, keys and bytes are hexadecimal; dates are YYYY-MM-DD; times \
are RFC 3339 in UTC. What a node answers can be checked by the asker: see the proof endpoints.";

/// Every named schema, with what it refers to, each once.
fn schemas() -> Vec<(String, RefOr<Schema>)> {
    let mut all = Vec::new();
    add::<ProblemBody>(&mut all);
    add::<transaction::Submitted>(&mut all);
    add::<transaction::BatchSubmitted>(&mut all);
    add::<transaction::ReceiptInfo>(&mut all);
    add::<vault::SealRequest>(&mut all);
    add::<vault::SealedInfo>(&mut all);
    add::<vault::KeptInfo>(&mut all);
    add::<vault::RequestInfo>(&mut all);
    add::<record::Record>(&mut all);
    add::<record::RecordPage>(&mut all);
    add::<record::History>(&mut all);
    add::<explain::Explanation>(&mut all);
    add::<read_log::LogPage>(&mut all);
    add::<read_log::UseReport>(&mut all);
    add::<statistics::CaseStatistics>(&mut all);
    add::<status::StatusInfo>(&mut all);
    add::<status::Validators>(&mut all);
    add::<status::Health>(&mut all);
    add::<block::BlockPage>(&mut all);
    add::<block::BlockInfo>(&mut all);
    add::<block::BlockIds>(&mut all);
    add::<block::StreamEnd>(&mut all);
    add::<package::PackageList>(&mut all);
    add::<package::PackageInfo>(&mut all);
    add::<package::FieldInfo>(&mut all);
    add::<package::FieldKind>(&mut all);
    add::<session::ChallengeRequest>(&mut all);
    add::<session::Challenge>(&mut all);
    add::<session::Session>(&mut all);
    add::<session::VerifyRequest>(&mut all);
    add::<session::Verified>(&mut all);
    all
}

fn add<T: ToSchema>(all: &mut Vec<(String, RefOr<Schema>)>) {
    all.push((T::name().into_owned(), T::schema()));
    T::schemas(all);
}

/// What an endpoint takes and gives, beyond what [`Endpoint`] says.
struct Shape {
    query: Vec<Parameter>,
    request: Option<(&'static str, RefOr<Schema>)>,
    answers: Vec<(&'static str, &'static str, RefOr<Schema>)>,
    problems: &'static [&'static str],
}

fn operation(endpoint: Endpoint) -> OperationBuilder {
    let Shape { query, request, answers, problems } = shape(endpoint);
    let mut operation = OperationBuilder::new()
        .tag(endpoint.tag())
        .operation_id(Some(endpoint.name()))
        .summary(Some(endpoint.summary()));
    for parameter in path_parameters(endpoint.path()).into_iter().chain(query) {
        operation = operation.parameter(parameter);
    }
    if let Some((media, schema)) = request {
        let body = RequestBodyBuilder::new()
            .required(Some(Required::True))
            .content(media, ContentBuilder::new().schema(Some(schema)).build());
        operation = operation.request_body(Some(body.build()));
    }
    for (status, media, schema) in answers {
        let answer = ResponseBuilder::new()
            .description("Success")
            .content(media, ContentBuilder::new().schema(Some(schema)).build());
        operation = operation.response(status, answer);
    }
    for status in problems.iter().chain(COMMON_PROBLEMS) {
        operation = operation.response(*status, problem());
    }
    match endpoint.access() {
        Access::Open => {}
        Access::Loopback => operation = operation.response("403", problem()),
        Access::Token => {
            operation = operation
                .response("401", problem())
                .response("403", problem())
                .security(SecurityRequirement::new(BEARER, Vec::<String>::new()));
        }
    }
    operation
}

/// Statuses that any endpoint may answer with.
const COMMON_PROBLEMS: &[&str] = &["400", "414", "500", "503", "504"];

fn problem() -> ResponseBuilder {
    ResponseBuilder::new()
        .description("Refused or failed")
        .content(JSON, ContentBuilder::new().schema(Some(refers::<ProblemBody>())).build())
}

fn refers<T: ToSchema>() -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(T::name()))
}

fn binary() -> RefOr<Schema> {
    let format = SchemaFormat::KnownFormat(KnownFormat::Binary);
    ObjectBuilder::new().schema_type(Type::String).format(Some(format)).into()
}

fn string() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).into()
}

fn json<T: ToSchema>() -> Vec<(&'static str, &'static str, RefOr<Schema>)> {
    vec![("200", JSON, refers::<T>())]
}

fn parameter(name: &str, schema: RefOr<Schema>, text: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(text))
        .schema(Some(schema))
        .build()
}

fn number(name: &str, text: &str) -> Parameter {
    parameter(name, height(), text)
}

/// A number from `min` to `max`.
fn bounded(name: &str, min: usize, max: usize, text: &str) -> Parameter {
    let schema = ObjectBuilder::new().schema_type(Type::Integer);
    parameter(name, schema.minimum(Some(min)).maximum(Some(max)).into(), text)
}

/// A height or a version number: up to 2⁶³, which every language's integers hold.
fn height() -> RefOr<Schema> {
    let format = SchemaFormat::KnownFormat(KnownFormat::Int64);
    let schema = ObjectBuilder::new().schema_type(Type::Integer).format(Some(format));
    schema.minimum(Some(0)).maximum(Some(i64::MAX)).into()
}

fn pattern(pattern: &str) -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).into()
}

fn time() -> RefOr<Schema> {
    let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
    ObjectBuilder::new().schema_type(Type::String).format(Some(format)).into()
}

fn words(name: &str, text: &str) -> Parameter {
    parameter(name, string(), text)
}

fn path_parameters(path: &str) -> Vec<Parameter> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| {
            ParameterBuilder::new()
                .name(name)
                .parameter_in(ParameterIn::Path)
                .required(Required::True)
                .schema(Some(path_schema(path, name)))
                .build()
        })
        .collect()
}

fn path_schema(path: &str, name: &str) -> RefOr<Schema> {
    match name {
        "height" => height(),
        "id" if path.starts_with("/v1/receipts/") => pattern(DIGEST),
        "key" | "access" | "subject" => {
            let schema = ObjectBuilder::new().schema_type(Type::String);
            schema.min_length(Some(1)).max_length(Some(256)).into()
        }
        _ => pattern("^[a-z0-9-]{1,64}$"),
    }
}

fn wait() -> Parameter {
    let max = usize::try_from(WAIT_MS_MAX).unwrap_or(usize::MAX);
    bounded("wait_ms", 0, max, "Wait so long for the receipt, in milliseconds")
}

fn shape(endpoint: Endpoint) -> Shape {
    let (query, request, answers, problems) = match endpoint {
        Endpoint::SubmitTransaction | Endpoint::SubmitTransactions => of_submitting(endpoint),
        Endpoint::GetReceipt => {
            (vec![wait()], None, json::<transaction::ReceiptInfo>(), &["404"][..])
        }
        Endpoint::GetReceiptProof | Endpoint::GetTrustBundle => {
            (Vec::new(), None, vec![("200", CBOR, binary())], &["404"][..])
        }
        Endpoint::SelectRecords => (select(), None, json::<record::RecordPage>(), &["404"][..]),
        Endpoint::GetRecord => {
            let as_of = parameter("as_of", time(), "RFC 3339 time: the version in force then");
            (vec![as_of], None, json::<record::Record>(), &["404"][..])
        }
        Endpoint::GetHistory => {
            let before = number("before", "Only versions below this number");
            let limit = bounded("limit", 1, record::LIMIT_MAX, "Most versions; 50 by default");
            (vec![before, limit], None, json::<record::History>(), &["404"][..])
        }
        Endpoint::ExplainRecord => {
            (explaining(), None, json::<explain::Explanation>(), &["404"][..])
        }
        Endpoint::GetRecordProof => {
            let most = record::PROOF_VERSIONS_MAX;
            let versions = bounded("versions", 0, most, "Add up to so many older versions");
            (vec![versions], None, vec![("200", CBOR, binary())], &["404"][..])
        }
        Endpoint::GetCounterProof
        | Endpoint::GetSubjectLog
        | Endpoint::GetStewardLog
        | Endpoint::GetStewardUse
        | Endpoint::GetAuditLog => of_read_log(endpoint),
        Endpoint::CountCases => {
            (counting(), None, json::<statistics::CaseStatistics>(), &["404"][..])
        }
        Endpoint::GetStatus => (Vec::new(), None, json::<status::StatusInfo>(), &[][..]),
        Endpoint::GetValidators => (Vec::new(), None, json::<status::Validators>(), &[][..]),
        Endpoint::ListBlocks => {
            let before = number("before", "Only blocks below this height");
            let limit = bounded("limit", 1, block::LIMIT_MAX, "Most blocks; 20 by default");
            (vec![before, limit], None, json::<block::BlockPage>(), &[][..])
        }
        Endpoint::GetBlock => (Vec::new(), None, json::<block::BlockInfo>(), &["404"][..]),
        Endpoint::ListPackages => (Vec::new(), None, json::<package::PackageList>(), &[][..]),
        Endpoint::GetPackage => (Vec::new(), None, json::<package::PackageInfo>(), &["404"][..]),
        Endpoint::FollowEvents => (following(), None, vec![("200", EVENTS, string())], &[][..]),
        Endpoint::CreateChallenge | Endpoint::CreateSession => of_session(endpoint),
        Endpoint::SealGroup
        | Endpoint::KeepCopy
        | Endpoint::GetEnvelope
        | Endpoint::GetRequest
        | Endpoint::GetSearch => of_vault(endpoint),
        Endpoint::EvaluateQuestion => {
            let answers = vec![("200", CBOR, binary())];
            let problems = &["403", "404", "413", "415", "422"][..];
            (Vec::new(), Some((CBOR, binary())), answers, problems)
        }
        Endpoint::Verify => {
            let request = Some((JSON, refers::<session::VerifyRequest>()));
            (Vec::new(), request, json::<session::Verified>(), &["413", "415"][..])
        }
        Endpoint::GetLive | Endpoint::GetReady => {
            (Vec::new(), None, json::<status::Health>(), &[][..])
        }
        Endpoint::GetMetrics => (Vec::new(), None, vec![("200", TEXT, string())], &[][..]),
        Endpoint::GetOpenApi => {
            let any = ObjectBuilder::new().schema_type(Type::Object).into();
            (Vec::new(), None, vec![("200", JSON, any)], &[][..])
        }
    };
    Shape { query, request, answers, problems }
}

/// What an endpoint takes and answers: query, request, answers, statuses of its problems.
type Parts = (
    Vec<Parameter>,
    Option<(&'static str, RefOr<Schema>)>,
    Vec<(&'static str, &'static str, RefOr<Schema>)>,
    &'static [&'static str],
);

fn of_submitting(endpoint: Endpoint) -> Parts {
    if endpoint == Endpoint::SubmitTransactions {
        let answers = json::<transaction::BatchSubmitted>();
        return (Vec::new(), Some((CBOR, binary())), answers, &["413", "415"][..]);
    }
    let body = refers::<transaction::Submitted>();
    let answers = vec![("202", JSON, body.clone()), ("200", JSON, body)];
    let problems = &["403", "409", "413", "415", "422", "429"][..];
    (vec![wait()], Some((COSE, binary())), answers, problems)
}

fn of_session(endpoint: Endpoint) -> Parts {
    if endpoint == Endpoint::CreateChallenge {
        let request = Some((JSON, refers::<session::ChallengeRequest>()));
        (Vec::new(), request, json::<session::Challenge>(), &["413", "415"])
    } else {
        let problems = &["401", "403", "413", "415"];
        (Vec::new(), Some((COSE, binary())), json::<session::Session>(), problems)
    }
}

fn of_vault(endpoint: Endpoint) -> Parts {
    if endpoint == Endpoint::SealGroup {
        let request = Some((JSON, refers::<vault::SealRequest>()));
        let problems = &["403", "404", "409", "413", "415"];
        (Vec::new(), request, json::<vault::SealedInfo>(), problems)
    } else if endpoint == Endpoint::KeepCopy {
        let problems = &["403", "404", "409", "413", "415"];
        (Vec::new(), Some((CBOR, binary())), json::<vault::KeptInfo>(), problems)
    } else if endpoint == Endpoint::GetRequest {
        (Vec::new(), None, json::<vault::RequestInfo>(), &["403", "404"])
    } else {
        (Vec::new(), None, vec![("200", CBOR, binary())], &["403", "404", "410"])
    }
}

fn of_read_log(endpoint: Endpoint) -> Parts {
    if endpoint == Endpoint::GetCounterProof {
        let scope = words("scope", "Within which it counts; empty by default");
        let year = number("year", "The year of a running number that begins anew each year");
        (vec![scope, year], None, vec![("200", CBOR, binary())], &["404"])
    } else if endpoint == Endpoint::GetStewardUse {
        (period().into(), None, json::<read_log::UseReport>(), &["404"])
    } else {
        (log_parameters(), None, json::<read_log::LogPage>(), &["404"])
    }
}

fn following() -> Vec<Parameter> {
    let from = number("from", "First height wanted; the next final block by default");
    let view = parameter("view", pattern("^ids$"), "Only the ids of what has a receipt");
    vec![from, view, last_event_id()]
}

fn explaining() -> Vec<Parameter> {
    vec![
        parameter("at", time(), "RFC 3339 time: the record as it stood then"),
        number("after", "Only versions above this number"),
        bounded("limit", 1, explain::LIMIT_MAX, "Most versions; 50 by default"),
    ]
}

fn counting() -> Vec<Parameter> {
    let words_of = format!("^({})$", statistics::BY.join("|"));
    vec![
        parameter("by", pattern(&words_of), "What a row is about; `process` by default"),
        words("since", "RFC 3339 time, or a date (UTC+8); 30 days before the end by default"),
        words("until", "RFC 3339 time, or a date, which is included; now by default"),
        words("package", "Only processes of this package"),
        words("process", "Only this process"),
        number("after", "The `next` of the page before"),
        bounded("limit", 1, statistics::ROWS_MAX, "Most rows; 50 by default"),
    ]
}

fn period() -> [Parameter; 2] {
    [
        words("since", "RFC 3339 time, or a date (UTC+8): asked then or later"),
        words("until", "RFC 3339 time, or a date, which is included: asked before"),
    ]
}

fn log_parameters() -> Vec<Parameter> {
    let more = vec![
        words("reader", "Only accesses of this member"),
        words("register", "Only records of this register, as `package/register`"),
        words("state", "Only entries in this state"),
        bounded("limit", 1, record::LIMIT_MAX, "Most entries; 50 by default"),
        words("cursor", "The `next` of the page before"),
    ];
    period().into_iter().chain(more).collect()
}

fn select() -> Vec<Parameter> {
    vec![
        words(
            "{field}",
            "Any field, as `field=op:value`, op one of eq, ne, lt, le, gt, ge, prefix, has (of a list); all must \
             hold, one of them on `_key` or the first field of an index",
        ),
        parameter("_status", pattern("^(live|closed|any)$"), "`live` when absent"),
        words(
            "_sort",
            "Up to 3 fields, comma-separated, `-field` for descending; by key when absent",
        ),
        bounded("_limit", 1, record::LIMIT_MAX, "Most records; 50 by default"),
        words("_cursor", "The `next` of the page before"),
    ]
}

fn last_event_id() -> Parameter {
    ParameterBuilder::new()
        .name("Last-Event-ID")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("Height of the last block received: the stream resumes after it"))
        .schema(Some(height()))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_json_of_version_3_1_and_holds_every_endpoint() {
        let json: serde_json::Value = serde_json::from_str(&text()).unwrap();
        assert_eq!(json["openapi"], "3.1.0");
        for endpoint in Endpoint::ALL {
            let method = if endpoint.method() == Method::Get { "get" } else { "post" };
            let operation = &json["paths"][endpoint.path()][method];
            assert_eq!(operation["operationId"], endpoint.name(), "{endpoint:?}");
            let needs_token = endpoint.access() == Access::Token;
            assert_eq!(operation.get("security").is_some(), needs_token, "{endpoint:?}");
        }
    }

    #[test]
    fn every_reference_points_to_a_schema() {
        let text = text();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let names: Vec<&str> = text
            .split("\"#/components/schemas/")
            .skip(1)
            .map(|s| s.split('"').next().unwrap())
            .collect();
        assert!(names.len() > 20);
        for name in names {
            assert!(json["components"]["schemas"].get(name).is_some(), "{name}");
        }
    }
}
