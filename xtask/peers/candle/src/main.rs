//! The rows in Candle: gemm's AVX-512 kernels, rayon's threads, mimalloc; the layers that come with it, where they have
//! derivatives.

#[path = "../../inputs.rs"]
mod inputs;
mod networks;
#[path = "../../protocol.rs"]
mod protocol;
mod rows;
mod training;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> protocol::Outcome<()> {
    if std::env::args().any(|word| word == "--first") {
        println!("{}", rows::first()?);
        return Ok(());
    }
    protocol::serve("Candle 0.11.1", rows::prepare)
}
