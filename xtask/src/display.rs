//! A display without a screen, and a look at the windows on it.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use miette::{IntoDiagnostic as _, Result, WrapErr as _, miette};
use x11rb::{
    connection::Connection as _,
    protocol::xproto::{AtomEnum, ConnectionExt as _, ImageFormat, MapState, Window},
    rust_connection::RustConnection,
};

/// A child that ends with us.
pub(crate) struct Kept(pub(crate) Child);

impl Drop for Kept {
    fn drop(&mut self) {
        // It may have ended by itself, which is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A virtual display of 1280 × 800.
pub(crate) struct Display {
    name: String,
    connection: RustConnection,
    root: Window,
    _server: Kept,
}

impl Display {
    /// Starts Xvfb on the first free display number.
    pub(crate) fn start() -> Result<Self> {
        let server = Command::new("Xvfb")
            .args([
                "-displayfd",
                "1",
                "-screen",
                "0",
                "1280x800x24",
                "-nolisten",
                "tcp",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .into_diagnostic()
            .wrap_err("failed to start Xvfb")?;
        let mut server = Kept(server);
        let mut number = String::new();
        if let Some(stdout) = server.0.stdout.take() {
            BufReader::new(stdout)
                .read_line(&mut number)
                .into_diagnostic()?;
        }
        let number: u32 = number
            .trim()
            .parse()
            .map_err(|_| miette!("Xvfb did not say its display number"))?;
        let name = format!(":{number}");
        let (connection, screen) = x11rb::connect(Some(&name))
            .into_diagnostic()
            .wrap_err("failed to reach the virtual display")?;
        let root = connection
            .setup()
            .roots
            .get(screen)
            .map(|screen| screen.root);
        let root = root.ok_or_else(|| miette!("the virtual display has no screen"))?;
        Ok(Self {
            name,
            connection,
            root,
            _server: server,
        })
    }

    /// Its name, for `DISPLAY`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The titles of the windows that can be seen.
    pub(crate) fn titles(&self) -> Result<Vec<String>> {
        let title = self
            .connection
            .intern_atom(false, b"_NET_WM_NAME")
            .into_diagnostic()?;
        let title = title.reply().into_diagnostic()?.atom;
        let tree = self
            .connection
            .query_tree(self.root)
            .into_diagnostic()?
            .reply()
            .into_diagnostic()?;
        let mut titles = Vec::new();
        for window in tree.children {
            let attributes = self
                .connection
                .get_window_attributes(window)
                .into_diagnostic()?;
            let property = self
                .connection
                .get_property(false, window, title, AtomEnum::ANY, 0, 256)
                .into_diagnostic()?;
            // A window may go while we ask about it.
            let (Ok(attributes), Ok(property)) = (attributes.reply(), property.reply()) else {
                continue;
            };
            if attributes.map_state == MapState::VIEWABLE && !property.value.is_empty() {
                titles.push(String::from_utf8_lossy(&property.value).into_owned());
            }
        }
        Ok(titles)
    }

    /// Takes a picture of the display; gives how many different colours are in it.
    pub(crate) fn picture(&self, path: &Path) -> Result<usize> {
        let size = self
            .connection
            .get_geometry(self.root)
            .into_diagnostic()?
            .reply()
            .into_diagnostic()?;
        let image = self
            .connection
            .get_image(
                ImageFormat::Z_PIXMAP,
                self.root,
                0,
                0,
                size.width,
                size.height,
                u32::MAX,
            )
            .into_diagnostic()?
            .reply()
            .into_diagnostic()?;
        // Depth 24 in 32 bits, least significant byte first: blue, green, red, unused.
        let rgb: Vec<u8> = image
            .data
            .chunks_exact(4)
            .flat_map(|pixel| [pixel[2], pixel[1], pixel[0]])
            .collect();
        let mut colours: Vec<&[u8]> = rgb.chunks_exact(3).collect();
        colours.sort_unstable();
        colours.dedup();
        let colours = colours.len();
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).into_diagnostic()?;
        }
        let file = std::fs::File::create(path).into_diagnostic()?;
        let mut encoder = png::Encoder::new(file, size.width.into(), size.height.into());
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header().into_diagnostic()?;
        writer.write_image_data(&rgb).into_diagnostic()?;
        writer.finish().into_diagnostic()?;
        Ok(colours)
    }
}
