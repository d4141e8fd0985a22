//! `[[app]]`: an application behind the hub, and how it is to be.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use twinbench_hub::bridge::Secret;
use twinbench_model::Epoch;
use twinbench_serverless::{
    Options, Profile, Source, TwinType,
    connectors::{
        Connectors, SAVE_CAPTURE_DATA, TO_MAIL, TO_TWILIO, TO_WEBHOOK,
        net::{Blob, CsvFolder, Smtp, Twilio, Webhook},
    },
};

use super::Error;

/// How long one call of a connector may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// An application behind the hub.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "kind", deny_unknown_fields, rename_all = "kebab-case")]
pub enum App {
    /// The mirrored serverless IoT application.
    ServerlessIot(Box<ServerlessIot>),
}

/// `kind = "serverless-iot"`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ServerlessIot {
    /// `repaired` (default), or `original`, with the original's defects.
    pub profile: Profile,
    /// Give flat firmware telemetry the application's `data` object; default: in the repaired
    /// profile. The original has nothing of the kind.
    pub adapter: Option<bool>,
    /// Where its messages come from: `iot-hub` (default), or `event-hubs`, which does not say who
    /// sent them.
    pub source: Source,
    /// What the clock of the original's host shows when the bench's shows its epoch; default: the
    /// epoch. The repaired profile knows no clock but the bench's.
    #[schemars(with = "Option<String>")]
    pub host_clock: Option<Timestamp>,
    /// Twin files, relative to the bench file.
    pub twins: Vec<PathBuf>,
    /// SMS of alerts really leave; captured without it.
    pub sms: Option<SmsSection>,
    /// Alerts are mailed; none without it.
    pub email: Option<EmailSection>,
    /// Alerts are told to a webhook; none without it.
    pub webhook: Option<WebhookSection>,
    /// Exports are saved; captured without it.
    pub capture: Option<CaptureSection>,
    /// What was made of twin files and connectors.
    #[serde(skip)]
    ready: Ready,
}

#[derive(Debug, Clone, Default)]
struct Ready {
    twins: Vec<Arc<TwinType>>,
    connectors: Connectors,
}

/// `sms`: by Twilio, or who stands in for it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SmsSection {
    /// Where; default Twilio's own address.
    #[serde(default = "twilio")]
    pub url: String,
    /// The account's id.
    pub account: String,
    /// The account's token.
    #[schemars(with = "String")]
    pub token: Secret,
    /// The number that SMS come from.
    pub from: String,
}

fn twilio() -> String {
    "https://api.twilio.com".into()
}

/// `email`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EmailSection {
    /// Who is told.
    pub to: String,
    /// Who tells.
    #[serde(default = "bench")]
    pub from: String,
    /// The server, `smtp://host:25` or `smtps://user:password@host`; mails are captured without.
    #[schemars(with = "Option<String>")]
    pub server: Option<Secret>,
}

fn bench() -> String {
    "twinbench@localhost".into()
}

/// `webhook`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WebhookSection {
    /// Its address.
    pub url: String,
    /// Whether it is really called; default: the calls are captured.
    #[serde(default)]
    pub send: bool,
}

/// `capture`: one of the two.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CaptureSection {
    /// A folder, relative to the bench file, for CSV files.
    pub folder: Option<PathBuf>,
    /// A container of a blob service, with its shared access signature.
    #[schemars(with = "Option<String>")]
    pub url: Option<Secret>,
}

impl ServerlessIot {
    /// The application as described.
    pub fn options(&self, epoch: Epoch) -> Options {
        Options {
            adapter: self.adapter.unwrap_or(!self.profile.is_original()),
            profile: self.profile,
            source: self.source,
            host_clock: self.host_clock,
            connectors: self.ready.connectors.clone(),
            twins: self.ready.twins.clone(),
            ..Options::new(epoch)
        }
    }

    /// Lets nothing leave: every call is captured, as scenarios want it.
    pub fn capture_calls(&mut self) {
        self.ready.connectors.by_activity.clear();
    }

    /// Reads the twin files and makes the connectors. `path` and `text` are the bench file's.
    pub(super) fn make_ready(&mut self, path: &Path, text: &str) -> Result<(), Error> {
        let folder = path.parent().unwrap_or(Path::new(""));
        for name in &self.twins {
            self.ready
                .twins
                .push(Arc::new(twin(path, text, folder, name)?));
        }
        self.ready.connectors = self.connectors(folder).map_err(|(what, cause)| {
            // The table of an application is read by its `kind` first, which loses places.
            Error::at(path, text, place(text, &what), cause)
        })?;
        Ok(())
    }

    fn connectors(&self, folder: &Path) -> Result<Connectors, (String, String)> {
        let mut all = Connectors::captured();
        if let Some(sms) = &self.sms {
            let twilio = Twilio {
                url: sms.url.clone(),
                account: sms.account.clone(),
                token: sms.token.reveal().to_owned(),
                from: sms.from.clone(),
                timeout: TIMEOUT,
            };
            all = all.with(TO_TWILIO, Arc::new(twilio));
        }
        if let Some(email) = &self.email {
            all.mail_to = Some(email.to.clone());
            if let Some(server) = &email.server {
                let smtp = Smtp::new(server.reveal(), &email.from, TIMEOUT)
                    .map_err(|cause| ("email".to_owned(), cause.to_string()))?;
                all = all.with(TO_MAIL, Arc::new(smtp));
            }
        }
        if let Some(webhook) = &self.webhook {
            all.webhook = Some(webhook.url.clone());
            if webhook.send {
                all = all.with(TO_WEBHOOK, Arc::new(Webhook { timeout: TIMEOUT }));
            }
        }
        match self.capture.as_ref().map(|it| (&it.folder, &it.url)) {
            None => {}
            Some((Some(name), None)) => {
                all = all.with(SAVE_CAPTURE_DATA, Arc::new(CsvFolder(folder.join(name))));
            }
            Some((None, Some(url))) => {
                let blob = Blob {
                    url: url.reveal().to_owned(),
                    timeout: TIMEOUT,
                };
                all = all.with(SAVE_CAPTURE_DATA, Arc::new(blob));
            }
            Some(_) => {
                let cause = "`capture` goes to a `folder` or to a `url`, one of the two";
                return Err(("capture".to_owned(), cause.to_owned()));
            }
        }
        Ok(all)
    }
}

fn twin(path: &Path, text: &str, folder: &Path, name: &Path) -> Result<TwinType, Error> {
    let file = folder.join(name);
    let read = fs::read_to_string(&file).map_err(|cause| {
        let message = format!("twin file {} cannot be read: {cause}", file.display());
        Error::at(path, text, place(text, &name.to_string_lossy()), message)
            .help("the path is relative to the bench file")
            .missing()
    })?;
    TwinType::parse(&file, &read).map_err(|error| {
        let made = Error::at(&error.path, &error.text, error.span, error.message);
        match error.help {
            Some(help) => made.help(help),
            None => made,
        }
    })
}

/// Where a word of the application's table is.
fn place(text: &str, word: &str) -> Option<std::ops::Range<usize>> {
    let table = text.find("[[app]]").unwrap_or_default();
    let at = table + text.get(table..)?.find(word)?;
    Some(at..at + word.len())
}
