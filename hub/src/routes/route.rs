//! Routes and what they select.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use twinbench_model::Message;

use crate::query::{QueryError, RouteMessage, RouteQuery};

/// The name of the built-in endpoint.
pub const EVENTS: &str = "events";
/// Routes that a hub may have ("IoT Hub quotas": 100 routes).
const MAX_ROUTES: usize = 100;

/// What kind of messages a route takes, by their `iothub-message-source`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(rename = "RouteSource")]
pub enum Source {
    /// What devices send.
    #[serde(rename = "DeviceMessages", alias = "Telemetry", alias = "telemetry")]
    Telemetry,
    /// Changes of twins.
    #[serde(rename = "TwinChangeEvents", alias = "twinChangeEvents")]
    TwinChange,
    /// Devices and modules that are made or deleted.
    #[serde(rename = "DeviceLifecycleEvents", alias = "deviceLifecycleEvents")]
    Lifecycle,
    /// Devices and modules that connect or disconnect.
    #[serde(
        rename = "DeviceConnectionStateEvents",
        alias = "deviceConnectionStateEvents"
    )]
    ConnectionState,
}

impl Source {
    /// The value of the messages' `iothub-message-source`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Telemetry => "Telemetry",
            Self::TwinChange => "twinChangeEvents",
            Self::Lifecycle => "deviceLifecycleEvents",
            Self::ConnectionState => "deviceConnectionStateEvents",
        }
    }
}

/// A route.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Its name: letters, digits, `-`, `_` and `.`, at most 64.
    pub name: String,
    /// What it takes.
    pub source: Source,
    /// Which of them.
    pub condition: RouteQuery,
}

/// A route cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// Its name.
    #[error(
        "the route name {0:?} cannot be: use 1 to 64 letters, digits and - _ . but not $fallback"
    )]
    Name(String),
    /// Its name, again.
    #[error("there are two routes with the name {0:?}: give each its own")]
    Twice(String),
    /// Its condition.
    #[error("the condition of route {name:?} cannot be read: {error}")]
    Condition {
        /// The route's name.
        name: String,
        /// Why.
        error: QueryError,
    },
    /// Its endpoint.
    #[error(
        "route {name:?} leads to {endpoint:?}: this hub has the built-in endpoint \"events\" only"
    )]
    Endpoint {
        /// The route's name.
        name: String,
        /// The endpoint that it names.
        endpoint: String,
    },
    /// One route too many.
    #[error("there are more than {MAX_ROUTES} routes")]
    TooMany,
}

impl Route {
    /// A route to an endpoint, from its texts. An empty condition takes everything.
    ///
    /// # Errors
    /// When the name or condition cannot be, or there is no such endpoint.
    pub fn new(
        name: &str,
        source: Source,
        condition: &str,
        endpoint: &str,
    ) -> Result<Self, RouteError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
            return Err(RouteError::Name(name.chars().take(80).collect()));
        }
        if endpoint != EVENTS {
            return Err(RouteError::Endpoint {
                name: name.to_owned(),
                endpoint: endpoint.chars().take(80).collect(),
            });
        }
        let text = if condition.trim().is_empty() {
            "true"
        } else {
            condition
        };
        let condition = text.parse().map_err(|error| RouteError::Condition {
            name: name.to_owned(),
            error,
        })?;
        Ok(Self {
            name: name.to_owned(),
            source,
            condition,
        })
    }
}

/// A hub's routes.
#[derive(Debug, Clone, PartialEq)]
pub struct Routes {
    routes: Vec<Route>,
    /// Whether telemetry that no route takes reaches the built-in endpoint (`$fallback`).
    pub fallback: bool,
}

impl Default for Routes {
    fn default() -> Self {
        Self {
            routes: Vec::new(),
            fallback: true,
        }
    }
}

impl Routes {
    /// Routes with names of their own.
    ///
    /// # Errors
    /// When two have one name, or there are too many.
    pub fn new(routes: Vec<Route>, fallback: bool) -> Result<Self, RouteError> {
        if routes.len() > MAX_ROUTES {
            return Err(RouteError::TooMany);
        }
        for (n, route) in routes.iter().enumerate() {
            if routes[..n]
                .iter()
                .any(|other| other.name.eq_ignore_ascii_case(&route.name))
            {
                return Err(RouteError::Twice(route.name.clone()));
            }
        }
        Ok(Self { routes, fallback })
    }

    /// The routes.
    pub fn list(&self) -> &[Route] {
        &self.routes
    }

    /// Whether any route takes messages of a source: if none does, they need not be made.
    pub fn takes(&self, source: Source) -> bool {
        self.takes_all(source) || self.routes.iter().any(|route| route.source == source)
    }

    /// Whether every message of a source reaches the built-in endpoint, whatever it says: as long
    /// as the fallback catches what no route takes, no condition has to be judged.
    pub fn takes_all(&self, source: Source) -> bool {
        source == Source::Telemetry && self.fallback
    }

    /// Whether a message reaches the built-in endpoint. `twin` is asked for only when there are
    /// conditions to judge.
    pub fn reaches_events(
        &self,
        source: Source,
        message: &Message,
        twin: impl FnOnce() -> Option<Value>,
    ) -> bool {
        let own = || self.routes.iter().filter(|route| route.source == source);
        if self.takes_all(source) {
            return true;
        }
        if own().next().is_none() {
            return false;
        }
        let twin = twin();
        let message = RouteMessage::new(message, twin.as_ref());
        own().any(|route| route.condition.selects(&message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn route(name: &str, source: Source, condition: &str) -> Route {
        Route::new(name, source, condition, EVENTS).unwrap()
    }

    fn message(level: &str) -> Message {
        let mut message = Message::default();
        message.properties.insert("level".into(), level.into());
        message
    }

    #[test]
    fn the_fallback_catches_telemetry_only() {
        let routes = Routes::default();
        assert!(routes.reaches_events(Source::Telemetry, &message("x"), || None));
        assert!(!routes.reaches_events(Source::TwinChange, &message("x"), || None));
        assert!(!routes.takes(Source::Lifecycle));
    }

    #[test]
    fn without_it_only_what_a_route_takes_arrives() {
        let routes = vec![
            route("hot", Source::Telemetry, "level = 'hot'"),
            route("first-floor", Source::Telemetry, "$twin.tags.floor = 1"),
            route("twins", Source::TwinChange, ""),
        ];
        let routes = Routes::new(routes, false).unwrap();
        let reaches = |source, level, floor: i32| {
            let twin = json!({"tags": {"floor": floor}});
            routes.reaches_events(source, &message(level), || Some(twin))
        };
        assert!(reaches(Source::Telemetry, "hot", 0));
        assert!(reaches(Source::Telemetry, "cold", 1));
        assert!(!reaches(Source::Telemetry, "cold", 0));
        assert!(reaches(Source::TwinChange, "cold", 0));
        assert!(!reaches(Source::ConnectionState, "hot", 1));
    }

    #[test]
    fn what_cannot_be_is_said() {
        let fails = |name, condition, endpoint| {
            Route::new(name, Source::Telemetry, condition, endpoint)
                .unwrap_err()
                .to_string()
        };
        assert!(fails("$fallback", "", EVENTS).contains("$fallback"));
        assert!(fails("r", "a = ", EVENTS).contains("at character 5"));
        assert!(fails("r", "", "blob").contains("\"events\" only"));
        let twice = vec![
            route("r", Source::Telemetry, ""),
            route("R", Source::Lifecycle, ""),
        ];
        assert_eq!(Routes::new(twice, true), Err(RouteError::Twice("R".into())));
    }

    #[test]
    fn sources_are_read_as_the_cloud_names_them() {
        let read = |text: &str| serde_json::from_value::<Source>(json!(text)).unwrap();
        assert_eq!(read("DeviceMessages"), Source::Telemetry);
        assert_eq!(read("Telemetry"), Source::Telemetry);
        assert_eq!(read("twinChangeEvents"), Source::TwinChange);
        assert_eq!(read("DeviceConnectionStateEvents"), Source::ConnectionState);
    }
}
