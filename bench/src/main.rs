//! The `twinbench` command.

// A replay is half again as fast as with glibc's allocator (`cargo xtask bench testbench`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> twinbench::exit::Exit {
    twinbench::cli::main()
}
