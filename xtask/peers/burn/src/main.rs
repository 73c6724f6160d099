//! The rows in Burn: the Flex backend with SIMD and rayon, gemm's AVX-512 kernels, mimalloc, and PyTorch's defaults for the
//! optimizers.

#[path = "../../inputs.rs"]
mod inputs;
mod layers;
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
    protocol::serve("Burn 0.22.1", rows::prepare)
}
