//! The settings page of this board, from flash sector 11.

use embassy_stm32::Peri;
use embassy_stm32::flash::Flash;
use embassy_stm32::peripherals::FLASH;
use static_cell::ConstStaticCell;
use twinbench_devkit_config::{DecodeError, FLASH_ADDRESS, MAX_PAGE, Settings};

/// Start of the flash (RM0402, table 5).
const FLASH_START: u32 = 0x0800_0000;

static PAGE: ConstStaticCell<[u8; MAX_PAGE]> = ConstStaticCell::new([0xFF; MAX_PAGE]);

/// Reads the page. Without a good one the board runs on the defaults, and the error says why.
pub(crate) fn load(flash: Peri<'static, FLASH>) -> (Settings<'static>, Option<DecodeError>) {
    let page = PAGE.take();
    // A page that cannot be read stays erased.
    let _ = Flash::new_blocking(flash).blocking_read(FLASH_ADDRESS - FLASH_START, page);
    match Settings::decode(page) {
        Ok(settings) => (settings, None),
        Err(error) => (Settings::DEFAULT, Some(error)),
    }
}
