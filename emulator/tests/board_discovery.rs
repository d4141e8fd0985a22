//! A second board is a file: the same chip family with other memories, pins and names.

use std::sync::Arc;

use twinbench_emulator::{
    Image,
    board::{Board, BoardFile, BoardOutputKind},
};
use twinbench_model::VirtualTime;

const RCC_AHB1ENR: u32 = 0x4002_3830;
const GPIOA: u32 = 0x4002_0000;
const GPIOD: u32 = 0x4002_0C00;
const USART2: u32 = 0x4000_4400;

#[test]
fn its_leds_button_and_serial_port_have_their_names() {
    let file = BoardFile::stm32f4discovery().expect("it is part of the program");
    let mut flash = 0x2002_0000u32.to_le_bytes().to_vec();
    flash.extend(0x0800_0009u32.to_le_bytes());
    flash.extend(0xE7FEu16.to_le_bytes());
    let image = Arc::new(Image::from_flash(&flash, &file.memory_map()));
    let mut board = Board::new(&file, image).expect("the file names what exists");
    let chip = board.chip_mut();
    chip.poke(RCC_AHB1ENR, 9);
    chip.poke(GPIOD, 0x5500_0000);
    chip.poke(GPIOD + 0x18, 1 << 12 | 1 << 15);
    // 16 MHz / 139: 115,200 baud.
    chip.poke(USART2 + 0x08, 139);
    chip.poke(USART2 + 0x0C, 1 << 13 | 3 << 2);
    chip.poke(USART2 + 0x04, u32::from(b'!'));
    assert_eq!(chip.peek(GPIOA + 0x10).map(|idr| idr & 1), Some(0));
    board.set_button("user", true).expect("it has the button");
    assert_eq!(
        board.chip_mut().peek(GPIOA + 0x10).map(|idr| idr & 1),
        Some(1)
    );
    board.run_until(VirtualTime::from_millis(1));
    let mut out = Vec::new();
    board.drain(&mut out);
    let said: Vec<String> = out
        .into_iter()
        .map(|output| match output.kind {
            BoardOutputKind::Pin { name, high } => format!("{name} {high}"),
            BoardOutputKind::Uart { port, bytes } => format!("{port} {bytes:?}"),
            other => format!("{other:?}"),
        })
        .collect();
    let wanted = ["led-green true", "led-blue true", "console b\"!\""];
    assert_eq!(
        said.iter().filter(|text| text.starts_with("led")).count(),
        2,
        "{said:?}"
    );
    for text in wanted {
        assert!(
            said.iter().any(|said| said == text),
            "{text} is not in {said:?}"
        );
    }
    assert!(board.set_button("a", true).is_err());
}
