//! E-mail by SMTP.

use std::time::Duration;

use lettre::{
    Message, SmtpTransport, Transport as _,
    message::{Mailbox, header::ContentType},
};

use super::off_thread;
use crate::connectors::{Call, Connector, SendError, Sending};

/// Sends mails by an SMTP server.
#[derive(Clone)]
pub struct Smtp {
    transport: SmtpTransport,
    from: Mailbox,
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Smtp")
            .field("from", &self.from)
            .finish_non_exhaustive()
    }
}

/// Why mails cannot be sent as configured.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The server's address is none.
    #[error(
        "{url:?} is no address of a mail server (smtp://host:25, smtps://user:password@host): {cause}"
    )]
    Url {
        /// The address, without its password.
        url: String,
        /// Why.
        cause: String,
    },
    /// The sender's address is none.
    #[error("{address:?} is no mail address: {cause}")]
    Address {
        /// The address.
        address: String,
        /// Why.
        cause: String,
    },
}

impl Smtp {
    /// A server (`smtp://host:port`, `smtps://user:password@host`, `smtp://…?tls=required` for
    /// STARTTLS), the sender, and how long one mail may take.
    ///
    /// # Errors
    /// When one of the addresses is none.
    pub fn new(url: &str, from: &str, timeout: Duration) -> Result<Self, MailError> {
        let shown = || url.rsplit('@').next().unwrap_or_default().to_owned();
        let transport = SmtpTransport::from_url(url)
            .map_err(|cause| MailError::Url {
                url: shown(),
                cause: cause.to_string(),
            })?
            .timeout(Some(timeout))
            .build();
        Ok(Self {
            transport,
            from: mailbox(from).map_err(|cause| MailError::Address {
                address: from.to_owned(),
                cause,
            })?,
        })
    }
}

fn mailbox(address: &str) -> Result<Mailbox, String> {
    address
        .parse()
        .map_err(|cause: lettre::address::AddressError| cause.to_string())
}

impl Connector for Smtp {
    fn send(&self, call: Call) -> Sending {
        let it = self.clone();
        off_thread(move || {
            let refused = |cause: String| SendError::Refused(format!("the mail: {cause}"));
            let subject = call.properties.get("Subject").cloned().unwrap_or_default();
            let message = Message::builder()
                .from(it.from.clone())
                .to(mailbox(&call.to).map_err(refused)?)
                .subject(subject)
                // Servers drop what comes a second time under one id.
                .message_id(Some(format!("<{}@twinbench>", call.key.replace(':', "."))))
                .header(ContentType::TEXT_PLAIN)
                .body(call.text)
                .map_err(|cause| refused(cause.to_string()))?;
            match it.transport.send(&message) {
                Ok(_) => Ok(()),
                Err(cause) if cause.is_permanent() => {
                    Err(SendError::Refused(format!("the mail server: {cause}")))
                }
                Err(cause) => Err(SendError::Unreachable(format!("the mail server: {cause}"))),
            }
        })
    }
}
