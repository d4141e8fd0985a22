//! What the steps need besides cargo.

use super::{node, packages, python};
use crate::{place, shell, toolchain};

/// Something that a step cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Rust's libraries for browsers.
    WasmTarget,
    /// Rust's libraries for Cortex-M4F boards.
    CortexMTarget,
    /// The system's webview with its headers.
    WebView,
    /// A display to open windows on where there is none.
    Display,
    /// A C compiler for the boards.
    BoardCompiler,
    /// An MQTT client that we did not write.
    MqttClient,
    /// An MQTT broker that we did not write.
    MqttBroker,
    /// Clients and readers in Python that we did not write.
    PythonClients,
    /// Clients in JavaScript that we did not write.
    NodeClients,
    /// Another emulator of the same core.
    Qemu,
    /// A debugger for the boards' core.
    Debugger,
    /// A browser that tests can drive.
    Browser,
}

impl Need {
    /// All of them, in the order in which they are shown.
    pub(crate) const ALL: [Self; 12] = [
        Self::WasmTarget,
        Self::CortexMTarget,
        Self::WebView,
        Self::Display,
        Self::BoardCompiler,
        Self::MqttClient,
        Self::MqttBroker,
        Self::PythonClients,
        Self::NodeClients,
        Self::Qemu,
        Self::Debugger,
        Self::Browser,
    ];

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::WasmTarget => "Rust target wasm32-unknown-unknown",
            Self::CortexMTarget => "Rust target thumbv7em-none-eabihf",
            Self::WebView => "webview (WebKitGTK 4.1) with headers",
            Self::Display => "Xvfb",
            Self::BoardCompiler => "arm-none-eabi-gcc",
            Self::MqttClient => "mosquitto_pub",
            Self::MqttBroker => "mosquitto",
            Self::PythonClients => "Python with the modules of xtask/clients/requirements.txt",
            Self::NodeClients => "Node.js with the modules of xtask/clients/package.json",
            Self::Qemu => "qemu-system-arm",
            Self::Debugger => "gdb-multiarch",
            Self::Browser => "Chromium with chromedriver",
        }
    }

    /// Why anyone would want it.
    pub(crate) const fn purpose(self) -> &'static str {
        match self {
            Self::WasmTarget => "the page (`ui/`), which runs in the window and in a browser",
            Self::CortexMTarget => "the boards' firmware (`firmware/`)",
            Self::WebView => "the desktop window (`src-tauri/`)",
            Self::Display => "the test that opens the window without a screen",
            Self::BoardCompiler => "the emulator's tests with firmware written in C",
            Self::MqttClient => "the hub's tests with a foreign MQTT client",
            Self::MqttBroker => "the bridge's tests, and figures beside a broker's",
            Self::PythonClients => "the tests with SDKs and readers that others wrote",
            Self::NodeClients => "the hub's tests with the JavaScript SDKs",
            Self::Qemu => "the emulator's tests beside another emulator",
            Self::Debugger => "the tests of the GDB server with a real debugger",
            Self::Browser => "the tests of the page in a real browser",
        }
    }

    /// The Rust target that it is, if it is one.
    pub(crate) const fn target(self) -> Option<&'static str> {
        match self {
            Self::WasmTarget => Some(toolchain::WASM),
            Self::CortexMTarget => Some(toolchain::CORTEX_M),
            _ => None,
        }
    }

    /// Whether this machine has it.
    pub(crate) fn is_there(self) -> bool {
        match self {
            Self::WasmTarget | Self::CortexMTarget => self
                .target()
                .is_some_and(|target| toolchain::for_target(target).is_some()),
            // Windows and macOS bring a webview and a screen of their own.
            Self::WebView if cfg!(target_os = "linux") => {
                packages::webview_library().is_some_and(|library| {
                    shell::answer(
                        std::process::Command::new("pkg-config").args(["--exists", library]),
                    )
                    .is_some()
                }) && packages::dpkg_missing(self).is_empty()
            }
            Self::Display if cfg!(target_os = "linux") => place::on_path("Xvfb").is_some(),
            Self::WebView | Self::Display => true,
            Self::BoardCompiler => place::on_path("arm-none-eabi-gcc").is_some(),
            Self::MqttClient => place::on_path("mosquitto_pub").is_some(),
            Self::MqttBroker => {
                place::on_path("mosquitto").is_some()
                    || std::path::Path::new("/usr/sbin/mosquitto").exists()
            }
            Self::PythonClients => python::is_there(),
            Self::NodeClients => node::is_there(),
            Self::Qemu => place::on_path("qemu-system-arm").is_some(),
            Self::Debugger => {
                place::on_path("gdb-multiarch").is_some()
                    || place::on_path("arm-none-eabi-gdb").is_some()
            }
            Self::Browser => {
                place::on_path("chromedriver").is_some()
                    && ["chromium", "google-chrome", "chrome"]
                        .iter()
                        .any(|name| place::on_path(name).is_some())
            }
        }
    }
}
