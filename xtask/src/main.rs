//! `cargo xtask`: set-up, build and test of Twinbench.

fn main() -> miette::Result<()> {
    xtask::main()
}
