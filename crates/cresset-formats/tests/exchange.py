"""The other side of exchange.rs: `write FOLDER` writes files for Rust to read, `check FOLDER` reads what Rust wrote.

Prints, first, which of the packages it could import; a part without its package is left out on both sides.
"""

import sys
from collections import OrderedDict, defaultdict
from pathlib import Path


def package(name):
    try:
        __import__(name)
        return True
    except ImportError:
        return False


HAS = {name: package(name) for name in ["numpy", "torch", "safetensors"]}
print(" ".join(name for name, there in HAS.items() if there))
if HAS["numpy"]:
    import numpy as np
if HAS["torch"]:
    import torch

NAMES = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]


def numbers(name):
    """What both sides agree on: 0 to 5 in two rows."""
    return torch.arange(6).reshape(2, 3).to(getattr(torch, name))


def same(got, expected):
    assert got.dtype == expected.dtype, (got.dtype, expected.dtype)
    assert got.shape == expected.shape, (got.shape, expected.shape)
    assert torch.equal(got, expected), (got, expected)


def write_numpy(folder):
    for name in NAMES:
        if name != "bfloat16":
            np.save(folder / f"{name}.npy", np.arange(6).reshape(2, 3).astype(name))
    np.save(folder / "fortran.npy", np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)))
    np.save(folder / "big.npy", np.arange(6).reshape(2, 3).astype(">i4"))
    for version in [(1, 0), (2, 0), (3, 0)]:
        with open(folder / f"version{version[0]}.npy", "wb") as file:
            np.lib.format.write_array(file, np.float32([1.5, -2.5]), version=version)
    arrays = {"a/b": np.arange(3), "": np.float32(2.5), "leer": np.zeros((0, 4), "f2"), "größe": np.arange(9999) % 7}
    np.savez(folder / "stored.npz", **arrays)
    np.savez_compressed(folder / "deflated.npz", **arrays)


def check_numpy(folder):
    for name in NAMES:
        if name != "bfloat16":
            got = np.load(folder / f"{name}.npy")
            assert got.dtype == name and (got == np.arange(6).reshape(2, 3).astype(name)).all(), name
    got = np.load(folder / "transposed.npy")
    assert got.dtype == "float32" and (got == np.arange(6).reshape(2, 3).T).all()
    assert np.load(folder / "point.npy") == np.float64(2.5) and np.load(folder / "point.npy").shape == ()
    assert np.load(folder / "empty.npy").shape == (3, 0)
    assert (np.load(folder / "line.npy") == [1, 2, 3]).all()
    for file in ["stored.npz", "deflated.npz"]:
        got = np.load(folder / file)
        assert got.files == ["a/b", "größe", "empty"], got.files
        assert (got["a/b"] == [1, 2, 3]).all() and (got["größe"] == np.arange(9999) % 7).all()
        assert got["empty"].shape == (0, 4) and got["empty"].dtype == "float16"


def write_safetensors(folder):
    from safetensors.torch import save_file

    tensors = {name: numbers(name) for name in NAMES}
    tensors |= {"scalar": torch.tensor(2.5), "empty": torch.zeros(0, 3)}
    save_file(tensors, folder / "python.safetensors", metadata={"format": "pt", "größe": "7"})


def check_safetensors(folder):
    from safetensors import safe_open
    from safetensors.torch import load_file

    got = load_file(folder / "rust.safetensors")
    assert set(got) == {*NAMES, "scalar", "empty", "transposed"}, got.keys()
    for name in NAMES:
        same(got[name], numbers(name))
    same(got["scalar"], torch.tensor(2.5))
    same(got["empty"], torch.zeros(0, 3))
    same(got["transposed"], numbers("float32").t())
    with safe_open(folder / "rust.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt", "größe": "7"}, file.metadata()
    got = load_file(folder / "rust.checkpoint")
    assert set(got) == {"model.weight", "model.bias"}, got.keys()
    same(got["model.weight"], numbers("float32"))


def write_torch(folder):
    base = torch.arange(24.0).reshape(4, 6)
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    model(torch.ones(4, 3)).sum().backward()
    optimizer.step()
    tagged = torch.ones(2)
    tagged.tag = "x"
    state = {
        "tensors": {name: numbers(name) for name in NAMES},
        "base": base,
        "transposed": base.t(),
        "slice": base[1:3, ::2],
        "expanded": torch.ones(3, 1).expand(3, 4),
        "parameter": torch.nn.Parameter(torch.full((2,), 1.5)),
        "tagged": tagged,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "counts": OrderedDict(a=1, b=-(2**62)),
        "history": defaultdict(list, loss=[0.5, float("inf")]),
        "beyond": 2**64 - 1,
        "tuple": (1, (2,), []),
        "set": {7},
        "bytes": b"ab\xff",
        "size": base.shape,
        "dtype": torch.float16,
        "device": torch.device("cuda", 1),
        "text": "größe\n",
        "truth": True,
        "none": None,
    }
    if HAS["numpy"]:
        state["best"] = np.float64(0.75)
        state["count"] = np.int64(-3)
        state["array"] = np.asfortranarray(np.arange(6, dtype=">i4").reshape(2, 3))
    for protocol in [2, 4, 5]:
        torch.save(state, folder / f"protocol{protocol}.pt", pickle_protocol=protocol)
    torch.save(state, folder / "legacy.pt", _use_new_zipfile_serialization=False)
    if hasattr(torch.serialization, "set_crc32_options"):
        torch.serialization.set_crc32_options(False)
    torch.save(state, folder / "unchecked.pt")
    torch.save(model, folder / "model.pt")
    torch.save({"x": torch.ones(2, dtype=torch.complex64)}, folder / "complex.pt")
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), folder / "script.pt")


def check_torch(folder):
    for mmap in [False, True]:
        got = torch.load(folder / "rust.pt", weights_only=True, mmap=mmap)
        for name in NAMES:
            same(got["tensors"][name], numbers(name))
        base = torch.arange(24.0).reshape(4, 6)
        same(got["base"], base)
        same(got["transposed"], base.t())
        same(got["column"], base[:, 2])
        same(got["reversed"], base.flatten().flip(0))
        assert got["base"].data_ptr() == got["transposed"].data_ptr() == got["column"].data_ptr() - 8
        same(got["expanded"], torch.ones(1).expand(1000, 1000))
        assert got["expanded"].untyped_storage().nbytes() == 4
        same(got["part"], torch.tensor([1, 2]))
        assert got["part"].untyped_storage().nbytes() == 16
        same(got["scalar"], torch.tensor(2.5))
        same(got["empty"], torch.zeros(0, 3))
        values = got["values"]
        assert values[:5] == [None, True, 2.5, float("-inf"), "größe\n"], values
        assert values[5] != values[5] and values[6:] == [-1, 255, 256, -(2**31), 2**31, -(2**63), 2**63 - 1], values
        assert got["state"] == {0: {"step": 3}, 1: {}, -1: []}, got["state"]
        assert list(got) == sorted(got, key=list(got).index)


command, folder = sys.argv[1], Path(sys.argv[2])
if HAS["numpy"]:
    {"write": write_numpy, "check": check_numpy}[command](folder)
if HAS["torch"]:
    {"write": write_torch, "check": check_torch}[command](folder)
if HAS["torch"] and HAS["safetensors"]:
    {"write": write_safetensors, "check": check_safetensors}[command](folder)
