//! The API's OpenAPI document, made from one table of its operations.

use serde_json::Value;
use utoipa::openapi::{
    ComponentsBuilder, Content, HeaderBuilder, HttpMethod, InfoBuilder, Object, ObjectBuilder,
    OpenApi, OpenApiBuilder, Paths, Ref, RefOr, Required, ResponseBuilder, Schema,
    SecurityRequirement, ServerBuilder, Type,
    path::{Operation, OperationBuilder, ParameterBuilder, ParameterIn},
    request_body::RequestBodyBuilder,
    schema::{AdditionalProperties, ArrayBuilder, SchemaType},
    security::{ApiKey, ApiKeyValue, SecurityScheme},
};

use super::{CONTINUATION, Config, OPENAPI, Response};
use crate::Status;

/// A parameter's type, or a body's.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Flag,
    Count,
    Seconds,
    Instant,
    /// A list with commas.
    Statuses,
}

/// What an answer holds.
#[derive(Clone, Copy)]
enum Holds {
    Nothing,
    Any,
    Error,
    Links,
    Status,
    Statuses,
    Purged,
    Entities,
}

/// An operation.
struct Route {
    method: HttpMethod,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    query: &'static [(&'static str, Kind, &'static str)],
    body: Option<&'static str>,
    answers: &'static [(u16, &'static str, Holds)],
}

const WAIT: [(&str, Kind, &str); 2] = [
    (
        "timeout",
        Kind::Seconds,
        "With pollingInterval: wait so long for the end. Virtual time.",
    ),
    (
        "pollingInterval",
        Kind::Seconds,
        "Not above timeout. The answer comes as soon as there is one.",
    ),
];
const SHOW_INPUT: (&str, Kind, &str) = ("showInput", Kind::Flag, "Whether to show inputs; true.");
const TOP: (&str, Kind, &str) = ("top", Kind::Count, "The most rows of a page; 100.");
const REASON: &[(&str, Kind, &str)] = &[("reason", Kind::Text, "Kept in the history.")];
const CREATED_TO: (&str, Kind, &str) = (
    "createdTimeTo",
    Kind::Instant,
    "Those that were started at this time or earlier.",
);
const STATUSES: (&str, Kind, &str) = (
    "runtimeStatus",
    Kind::Statuses,
    "Those in one of these states.",
);
const DONE: (u16, &str, Holds) = (202, "It will be done.", Holds::Nothing);
const UNKNOWN: (u16, &str, Holds) = (404, "There is none.", Holds::Nothing);
const ENDED: (u16, &str, Holds) = (410, "The instance has ended.", Holds::Nothing);
const REFUSED: (u16, &str, Holds) = (400, "The request is wrong.", Holds::Error);
const FULL: (u16, &str, Holds) = (429, "Too much waits for it already.", Holds::Error);
const TOLD: &[(u16, &str, Holds)] = &[DONE, UNKNOWN, ENDED, FULL];
const STARTED: &[(u16, &str, Holds)] = &[
    (
        200,
        "It ended in time: its output, or its status when it did not complete.",
        Holds::Any,
    ),
    (202, "It was started: where to ask for it.", Holds::Links),
    REFUSED,
    (409, "An instance of this id is at work.", Holds::Error),
];
const SIGNALLED: &[(u16, &str, Holds)] = &[DONE, REFUSED, FULL];

const START: Route = Route {
    method: HttpMethod::Post,
    path: "/orchestrators/{functionName}",
    id: "startOrchestration",
    summary: "Starts an orchestration under a new id.",
    query: &WAIT,
    body: Some("application/json"),
    answers: STARTED,
};

const ROUTES: &[Route] = &[
    START,
    Route {
        path: "/orchestrators/{functionName}/{instanceId}",
        id: "startOrchestrationAs",
        summary: "Starts an orchestration under an id.",
        ..START
    },
    Route {
        method: HttpMethod::Get,
        path: "/instances",
        id: "listInstances",
        summary: "Lists instances in the order of their ids, in pages.",
        query: &[
            ("instanceIdPrefix", Kind::Text, "What their ids begin with."),
            (
                "createdTimeFrom",
                Kind::Instant,
                "Those that were started at this time or later.",
            ),
            CREATED_TO,
            STATUSES,
            SHOW_INPUT,
            TOP,
        ],
        body: None,
        answers: &[(200, "A page.", Holds::Statuses), REFUSED],
    },
    Route {
        method: HttpMethod::Delete,
        path: "/instances",
        id: "purgeInstances",
        summary: "Removes instances that have ended.",
        query: &[
            (
                "createdTimeFrom",
                Kind::Instant,
                "Required: those that were started at this time or later.",
            ),
            CREATED_TO,
            STATUSES,
        ],
        body: None,
        answers: &[
            (200, "How many were removed.", Holds::Purged),
            REFUSED,
            UNKNOWN,
        ],
    },
    Route {
        method: HttpMethod::Get,
        path: "/instances/{instanceId}",
        id: "getInstance",
        summary: "The status of an instance.",
        query: &[
            (
                "showHistory",
                Kind::Flag,
                "Whether to show its history; false.",
            ),
            (
                "showHistoryOutput",
                Kind::Flag,
                "Whether the history shows results; false.",
            ),
            SHOW_INPUT,
            (
                "returnInternalServerErrorOnFailure",
                Kind::Flag,
                "Whether one that has failed is answered with 500; false.",
            ),
        ],
        body: None,
        answers: &[
            (200, "It has ended.", Holds::Status),
            (202, "It is at work: ask again.", Holds::Status),
            UNKNOWN,
            (
                500,
                "It has failed, and that was to be an error.",
                Holds::Status,
            ),
        ],
    },
    Route {
        method: HttpMethod::Delete,
        path: "/instances/{instanceId}",
        id: "purgeInstance",
        summary: "Removes an instance that has ended.",
        query: &[],
        body: None,
        answers: &[(200, "How many were removed.", Holds::Purged), UNKNOWN],
    },
    Route {
        method: HttpMethod::Post,
        path: "/instances/{instanceId}/raiseEvent/{eventName}",
        id: "raiseEvent",
        summary: "Tells an instance of an event.",
        query: &[],
        body: Some("application/json"),
        answers: &[DONE, REFUSED, UNKNOWN, ENDED, FULL],
    },
    Route {
        method: HttpMethod::Post,
        path: "/instances/{instanceId}/terminate",
        id: "terminateInstance",
        summary: "Ends an instance; the reason is its output.",
        query: REASON,
        body: None,
        answers: TOLD,
    },
    Route {
        method: HttpMethod::Post,
        path: "/instances/{instanceId}/suspend",
        id: "suspendInstance",
        summary: "Lets an instance wait.",
        query: REASON,
        body: None,
        answers: TOLD,
    },
    Route {
        method: HttpMethod::Post,
        path: "/instances/{instanceId}/resume",
        id: "resumeInstance",
        summary: "Lets a suspended instance go on.",
        query: REASON,
        body: None,
        answers: TOLD,
    },
    Route {
        method: HttpMethod::Post,
        path: "/instances/{instanceId}/rewind",
        id: "rewindInstance",
        summary: "Lets a failed instance go on from before its failure.",
        query: REASON,
        body: None,
        answers: &[
            DONE,
            UNKNOWN,
            (410, "It has ended without failing.", Holds::Nothing),
            (500, "It is at work.", Holds::Error),
        ],
    },
    Route {
        path: "/instances/{instanceId}/restart",
        id: "restartInstance",
        summary: "Starts an instance once more, with the input that it had.",
        query: &[
            (
                "restartWithNewInstanceId",
                Kind::Flag,
                "Whether under a new id; true.",
            ),
            WAIT[0],
            WAIT[1],
        ],
        body: None,
        ..START
    },
    Route {
        method: HttpMethod::Get,
        path: "/entities",
        id: "listEntities",
        summary: "Lists entities in the order of their ids, in pages.",
        query: LISTED,
        body: None,
        answers: &[(200, "A page.", Holds::Entities), REFUSED],
    },
    Route {
        method: HttpMethod::Get,
        path: "/entities/{entityName}",
        id: "listEntitiesOfName",
        summary: "Lists the entities of a name, in pages.",
        query: LISTED,
        body: None,
        answers: &[(200, "A page.", Holds::Entities), REFUSED],
    },
    Route {
        method: HttpMethod::Post,
        path: "/entities/{entityName}",
        id: "signalEntityWithoutKey",
        summary: "Signals the entity whose key is empty.",
        query: OPERATION,
        body: Some("*/*"),
        answers: SIGNALLED,
    },
    Route {
        method: HttpMethod::Get,
        path: "/entities/{entityName}/{entityKey}",
        id: "getEntity",
        summary: "The state of an entity; the key $ stands for the empty one.",
        query: &[],
        body: None,
        answers: &[(200, "The state.", Holds::Any), REFUSED, UNKNOWN],
    },
    Route {
        method: HttpMethod::Post,
        path: "/entities/{entityName}/{entityKey}",
        id: "signalEntity",
        summary: "Signals an entity. A body that is no JSON is a text.",
        query: OPERATION,
        body: Some("*/*"),
        answers: SIGNALLED,
    },
    Route {
        method: HttpMethod::Delete,
        path: "/entities/{entityName}/{entityKey}",
        id: "deleteEntity",
        summary: "Signals an entity the operation delete.",
        query: &[],
        body: None,
        answers: SIGNALLED,
    },
    Route {
        method: HttpMethod::Post,
        path: "/makeprimary",
        id: "makePrimary",
        summary: "Makes this application the primary one, which it is.",
        query: &[],
        body: None,
        answers: &[(200, "It is.", Holds::Nothing)],
    },
];

const OPERATION: &[(&str, Kind, &str)] = &[("op", Kind::Text, "The operation; the empty one.")];
const LISTED: &[(&str, Kind, &str)] = &[
    ("fetchState", Kind::Flag, "Whether to show states; false."),
    (
        "lastOperationTimeFrom",
        Kind::Instant,
        "Those whose last operation was at this time or later.",
    ),
    (
        "lastOperationTimeTo",
        Kind::Instant,
        "Those whose last operation was at this time or earlier.",
    ),
    TOP,
];

/// `GET /openapi.json`
pub(super) fn document(config: &Config) -> Response {
    Response::json(200, &of(config))
}

fn of(config: &Config) -> OpenApi {
    let mut paths = Paths::new();
    for route in ROUTES {
        paths.add_path_operation(route.path, vec![route.method.clone()], operation(route));
    }
    let itself = OperationBuilder::new()
        .operation_id(Some("getOpenApi"))
        .summary(Some("This document."))
        .response("200", answer("The document.", Holds::Any))
        .build();
    paths.add_path_operation(format!("/{OPENAPI}"), vec![HttpMethod::Get], itself);
    let about = "Orchestrations and entities of a bench, as Durable Functions offer them below \
                 /runtime/webhooks/durabletask. Times are the bench's.";
    let keys = [
        ("code", ApiKey::Query(ApiKeyValue::new("code"))),
        (
            "x-functions-key",
            ApiKey::Header(ApiKeyValue::new("x-functions-key")),
        ),
    ];
    let mut components = schemas();
    for (name, key) in keys {
        components = components.security_scheme(name, SecurityScheme::ApiKey(key));
    }
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Durable Functions HTTP API")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(about))
                .build(),
        )
        .servers(Some([ServerBuilder::new()
            .url(config.base.as_str())
            .build()]))
        .paths(paths)
        .components(Some(components.build()))
        .security(Some(["code", "x-functions-key"].map(|name| {
            SecurityRequirement::new::<_, [&str; 0], &str>(name, [])
        })))
        .build()
}

fn operation(route: &Route) -> Operation {
    let mut operation = OperationBuilder::new()
        .operation_id(Some(route.id))
        .summary(Some(route.summary));
    let in_path = route.path.split('/').filter_map(|segment| {
        let name = segment.strip_prefix('{')?;
        name.strip_suffix('}')
    });
    for name in in_path {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .schema(Some(simple(Type::String)));
        operation = operation.parameter(parameter);
    }
    let common = [
        ("taskHub", Kind::Text, "The task hub that links name."),
        ("connection", Kind::Text, "The connection that links name."),
    ];
    for (name, kind, description) in route.query.iter().chain(&common) {
        let required = description.starts_with("Required");
        let parameter = ParameterBuilder::new()
            .name(*name)
            .parameter_in(ParameterIn::Query)
            .required(if required {
                Required::True
            } else {
                Required::False
            })
            .description(Some(*description))
            .explode(matches!(kind, Kind::Statuses).then_some(false))
            .schema(Some(schema_of(*kind)));
        operation = operation.parameter(parameter);
    }
    let is_list = route
        .answers
        .iter()
        .any(|(_, _, holds)| matches!(holds, Holds::Statuses | Holds::Entities));
    if is_list {
        let token = ParameterBuilder::new()
            .name(CONTINUATION)
            .parameter_in(ParameterIn::Header)
            .description(Some("The token of the page before."))
            .schema(Some(simple(Type::String)));
        operation = operation.parameter(token);
    }
    if let Some(kind) = route.body {
        let body = RequestBodyBuilder::new()
            .required(Some(Required::False))
            .content(kind, Content::new(Some(any())))
            .build();
        operation = operation.request_body(Some(body));
    }
    for (status, description, holds) in route.answers {
        operation = operation.response(status.to_string(), answer(description, *holds));
    }
    operation
        .response("401", answer("The key is missing or wrong.", Holds::Error))
        .build()
}

fn answer(description: &str, holds: Holds) -> utoipa::openapi::Response {
    let mut response = ResponseBuilder::new().description(description);
    let header = |description: &str| {
        HeaderBuilder::new()
            .schema(Some(simple(Type::String)))
            .description(Some(description))
            .build()
    };
    response = match holds {
        Holds::Links => response
            .header("Location", header("Where to ask for its status."))
            .header("Retry-After", header("When to ask, in seconds: 10.")),
        Holds::Status if description.contains("ask again") => response
            .header("Location", header("Where to ask again."))
            .header("Retry-After", header("When to ask again, in seconds: 5.")),
        Holds::Statuses | Holds::Entities => response.header(
            CONTINUATION,
            header("The token of the next page, if there is one."),
        ),
        _ => response,
    };
    let list = |name: &str| ArrayBuilder::new().items(reference(name)).build().into();
    let schema: RefOr<Schema> = match holds {
        Holds::Nothing => return response.build(),
        Holds::Any => any(),
        Holds::Error => reference("Error"),
        Holds::Links => reference("Links"),
        Holds::Status => reference("Status"),
        Holds::Statuses => RefOr::T(list("Status")),
        Holds::Purged => reference("Purged"),
        Holds::Entities => RefOr::T(list("Entity")),
    };
    response
        .content("application/json", Content::new(Some(schema)))
        .build()
}

fn schemas() -> ComponentsBuilder {
    let texts = |names: &[&str]| {
        let object = ObjectBuilder::new().schema_type(Type::Object);
        names.iter().fold(object, |object, name| {
            object.property(*name, simple(Type::String)).required(*name)
        })
    };
    let names = Status::ALL.map(Status::name);
    let state = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(names))
        .build();
    let row = texts(&["EventType", "Timestamp"])
        .additional_properties(Some(AdditionalProperties::FreeForm(true)));
    let rows = ArrayBuilder::new().items(row.build()).build();
    let status = texts(&["name", "instanceId", "createdTime", "lastUpdatedTime"])
        .property("runtimeStatus", state)
        .required("runtimeStatus")
        .property("input", any())
        .property("customStatus", any())
        .property("output", any())
        .property("historyEvents", rows);
    let entity = texts(&["lastOperationTime"])
        .property("entityId", texts(&["name", "key"]).build())
        .required("entityId")
        .property("state", any());
    let purged = ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("instancesDeleted", simple(Type::Integer))
        .required("instancesDeleted");
    let links = texts(&[
        "id",
        "statusQueryGetUri",
        "sendEventPostUri",
        "terminatePostUri",
        "purgeHistoryDeleteUri",
        "restartPostUri",
        "suspendPostUri",
        "resumePostUri",
    ]);
    ComponentsBuilder::new()
        .schema("Status", status.build())
        .schema("Entity", entity.build())
        .schema("Purged", purged.build())
        .schema("Links", links.build())
        .schema("Error", texts(&["Message"]).build())
}

fn schema_of(kind: Kind) -> RefOr<Schema> {
    match kind {
        Kind::Text | Kind::Instant => simple(Type::String),
        Kind::Flag => simple(Type::Boolean),
        Kind::Count => simple(Type::Integer),
        Kind::Seconds => simple(Type::Number),
        Kind::Statuses => {
            let names = Status::ALL.map(|status| Value::from(status.name()));
            let name = ObjectBuilder::new()
                .schema_type(Type::String)
                .enum_values(Some(names));
            RefOr::T(ArrayBuilder::new().items(name.build()).build().into())
        }
    }
}

fn simple(kind: Type) -> RefOr<Schema> {
    RefOr::T(Object::with_type(kind).into())
}

/// Any JSON.
fn any() -> RefOr<Schema> {
    RefOr::T(Object::with_type(SchemaType::AnyValue).into())
}

fn reference(name: &str) -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(name))
}
