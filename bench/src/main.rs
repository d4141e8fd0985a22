//! The `twinbench` command.

fn main() -> twinbench::exit::Exit {
    twinbench::cli::main()
}
