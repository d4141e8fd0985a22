//! The mirrored serverless application, in its own names: the event-batch function
//! `IoTHubDispatcher`, the device entities, the alert workflow `SendNotification`, its connectors,
//! and the REST of the front-end layer.
//!
//! [`Application`] decides and does no IO: messages of the hub go in and become signals to
//! entities of the [engine](twinbench_engine); what the connectors would send is kept as data.
//!
//! # Where it differs from the original
//!
//! The original has defects that lose telemetry or alerts. They are repaired here, and
//! [`Profile::Original`] has every one of them; each line says what happens instead (numbers as in
//! the reference notes of the application, section 4).
//!
//! | # | in the original | here |
//! |---|---|---|
//! | 1 | a body that is no JSON loses the rest of its batch | it goes to the dead letters, with the reason; the batch goes on |
//! | 2 | a missing system property loses the rest of the batch | the device that the hub authenticated is used, and the hub's time; behind plain Event Hubs a message of nobody goes to the dead letters |
//! | 3 | a device id that no entity key may have loses the rest of the batch | the message goes to the dead letters |
//! | 4 | `WeatherDeviceEntity` fails on telemetry without data | it ignores it, as `StandardDeviceEntity` does |
//! | 5 | the flat telemetry of the AZ3166 makes an entity without name and data | an adapter gives it its form; without the adapter it is as in the original |
//! | 6 | a search by name fails on a device without a name | such a device matches no name |
//! | 7 | telemetry older than the retention makes an empty entity | it makes none |
//! | 8 | a precision above 15 fails every telemetry | 15 is used |
//! | 9 | a negative or huge retention drops everything or fails | the default, or a year |
//! | 10 | a device clock ahead freezes the last reading and the alerts | more than [five minutes](device::CLOCK_AHEAD) ahead it is not believed, the hub's time is used |
//! | 11 | telemetry of a clock that was never set is dropped | before [2001](dispatcher::CLOCK_SET) it is not believed, the hub's time is used |
//! | 12 | when the message to the device fails, no SMS is sent, and the alert is lost | both are tried, five times each; then the workflow fails |
//! | 13 | a direct method is 200 though it failed | 504 without an answer, 502 when the device says no, 400 for a payload that is no JSON |
//! | 14 | a capture that was not saved is completed, a second one in a second is lost | it is tried again, and then fails; the second has a name of its own |
//! | 15 | a late reading is never exported | it is, once, with the next export |
//! | 16 | any device may write into another's entity | telemetry in another device's name goes to the dead letters |
//! | 17 | the answer to a configuration is not what is kept | it is |
//! | 18 | entities written during a listing may be missing from it | a listing is of one instant |
//! | 21 | the wall clock decides | virtual time decides |
//!
//! Kept as in the original: two readings with one timestamp are one (20); lists are not paged.
//!
//! # Beyond the original
//!
//! [Twin files](twins) describe types of twins without Rust; alerts can also be
//! [mailed and told to a webhook](connectors); connectors can be told to be
//! [down, slow or refusing](connectors::faults).

mod application;
pub mod capture;
pub mod configuration;
pub mod connectors;
mod dead_letters;
pub mod device;
pub mod dispatcher;
mod entities;
pub mod notification;
mod profile;
pub mod rest;
mod rows;
pub mod telemetry;
pub mod trigger;
pub mod twins;

pub use application::{Application, Counts, Options};
pub use connectors::{Call, alert_of};
pub use dead_letters::{DeadLetter, DeadLetters};
pub use entities::{STANDARD, StandardDeviceEntity, WEATHER, WeatherDeviceEntity, entity_name};
pub use profile::{Profile, Source};
pub use rows::RestoreError;
pub use twins::TwinType;
