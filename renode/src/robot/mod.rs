//! The robot server: commands in, typed results and Renode's own words for errors out. The most
//! robust of Renode's channels, and the same since its first release.

mod http;
pub(crate) mod keywords;
mod value;
mod xmlrpc;

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

pub use self::{http::NotHttp, keywords::UartLine, value::Value, xmlrpc::NotXmlRpc};
use self::{
    http::Response,
    xmlrpc::{Answer, Argument},
};

/// The robot server of a running Renode. One call at a time, each on a connection of its own.
#[derive(Debug, Clone)]
pub struct Robot {
    address: SocketAddr,
    patience: Duration,
}

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
pub enum RobotError {
    /// The connection failed.
    #[error(
        "renode's robot server at {address} cannot be reached: {cause}; has renode ended? its log tells"
    )]
    Connection {
        /// The server.
        address: SocketAddr,
        /// Why.
        cause: io::Error,
    },
    /// No answer in time.
    #[error(
        "renode did not answer {method} within {patience:?}; give it more time, or look into its log"
    )]
    Silent {
        /// The keyword.
        method: String,
        /// How long it had.
        patience: Duration,
    },
    /// Not HTTP.
    #[error(transparent)]
    Http(#[from] NotHttp),
    /// Not XML-RPC.
    #[error(transparent)]
    Xml(#[from] NotXmlRpc),
    /// There is no such keyword in this version, or its arguments are of other types.
    #[error("renode refuses the call: {text}")]
    Refused {
        /// 1: no such keyword; 2: wrong arguments.
        code: i64,
        /// Renode's words.
        text: String,
    },
    /// The keyword failed.
    #[error("{text}")]
    Failed {
        /// The keyword.
        keyword: String,
        /// Renode's words, without the name of the exception and the command repeated.
        text: String,
        /// Where in Renode.
        traceback: String,
    },
    /// The result is of another form.
    #[error("renode answered {keyword} with {found}, where {expected} was expected")]
    Unexpected {
        /// The keyword.
        keyword: String,
        /// What came.
        found: String,
        /// What should have come.
        expected: &'static str,
    },
}

impl Robot {
    /// A server at an address. `patience`: how long one call may take, on the wall clock; running the
    /// emulation blocks the channel, so it has to be longer than that takes.
    pub const fn new(address: SocketAddr, patience: Duration) -> Self {
        Self { address, patience }
    }

    /// Where it is.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The names of all keywords of this version.
    ///
    /// # Errors
    /// When the server cannot be reached or does not answer.
    pub fn keywords(&self) -> Result<Vec<String>, RobotError> {
        match self.call("get_keyword_names", &[])? {
            Some(Value::Array(names)) => Ok(names
                .iter()
                .filter_map(Value::text)
                .map(str::to_owned)
                .collect()),
            other => Err(unexpected(
                "get_keyword_names",
                other.as_ref(),
                "a row of names",
            )),
        }
    }

    /// Runs a keyword. All arguments are texts: Renode turns them into what it needs.
    ///
    /// # Errors
    /// When the keyword fails, with Renode's text; and when the server is not there.
    pub fn run(&self, keyword: &str, arguments: &[&str]) -> Result<Value, RobotError> {
        let answer = self.call(
            "run_keyword",
            &[Argument::Text(keyword), Argument::Row(arguments)],
        )?;
        let text = |name: &str| {
            let value = answer.as_ref().and_then(|answer| answer.member(name));
            value.and_then(Value::text).unwrap_or_default()
        };
        match text("status") {
            "PASS" => Ok(answer
                .as_ref()
                .and_then(|answer| answer.member("return"))
                .cloned()
                .unwrap_or(Value::Nil)),
            "FAIL" => Err(RobotError::Failed {
                keyword: keyword.to_owned(),
                text: keywords::essence(text("error")).to_owned(),
                traceback: text("traceback").trim().to_owned(),
            }),
            _ => Err(unexpected(
                keyword,
                answer.as_ref(),
                "a status of PASS or FAIL",
            )),
        }
    }

    fn call(&self, method: &str, arguments: &[Argument<'_>]) -> Result<Option<Value>, RobotError> {
        let request = http::request(&xmlrpc::call(method, arguments));
        let what = match arguments.first() {
            Some(Argument::Text(keyword)) => keyword,
            _ => method,
        };
        let body = self.exchange(&request, what)?;
        match xmlrpc::answer(&String::from_utf8_lossy(&body))? {
            Answer::Value(value) => Ok(value),
            Answer::Fault { code, text } => Err(RobotError::Refused { code, text }),
        }
    }

    fn exchange(&self, request: &[u8], method: &str) -> Result<Vec<u8>, RobotError> {
        let failed = |cause: io::Error| match cause.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => RobotError::Silent {
                method: method.to_owned(),
                patience: self.patience,
            },
            _ => RobotError::Connection {
                address: self.address,
                cause,
            },
        };
        let mut stream =
            TcpStream::connect_timeout(&self.address, self.patience).map_err(failed)?;
        stream
            .set_read_timeout(Some(self.patience))
            .map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        stream.write_all(request).map_err(failed)?;
        let mut response = Response::default();
        let mut buffer = [0; 16 * 1024];
        loop {
            match stream.read(&mut buffer).map_err(failed)? {
                0 => return Ok(response.end()?),
                length => {
                    if let Some(body) = response.push(&buffer[..length])? {
                        return Ok(body);
                    }
                }
            }
        }
    }
}

fn unexpected(keyword: &str, found: Option<&Value>, expected: &'static str) -> RobotError {
    RobotError::Unexpected {
        keyword: keyword.to_owned(),
        found: found.map_or_else(|| "nothing".to_owned(), |value| format!("{value:?}")),
        expected,
    }
}
