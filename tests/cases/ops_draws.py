"""Draws other cases than those of ops.json.gz from PyTorch's sample databases, in the same format.

    python ops_draws.py SEED CASES FOLDER [NAME…]
    cargo xtask conformance --cases FOLDER

CASES is how many of each operation, variant and dtype at most. Needs PyTorch, and `expecttest`, which its databases do.
"""

import gzip
import json
import pathlib
import random
import signal
import struct
import sys
import warnings

warnings.filterwarnings("ignore")
import torch
from torch.testing._internal.common_methods_invocations import op_db

HERE = pathlib.Path(__file__).parent
DTYPES = {
    torch.float32: "F32", torch.float64: "F64", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
    torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}
# Arguments that say nothing about values.
DROPPED = {"device", "layout", "memory_format", "pin_memory", "out"}
LARGEST = 40_000


class Unwritable(Exception):
    """A value the format does not have."""


class TooSlow(Exception):
    """A sample that takes longer than anybody waits."""


def stop(*_):
    raise TooSlow


class Writer:
    """Values as JSON, their tensors collected under keys that begin with the case's name."""

    def __init__(self, case):
        self.case, self.tensors = case, {}

    def tensor(self, x):
        x = x.detach()
        if x.layout != torch.strided or x.device.type != "cpu" or x.dtype not in DTYPES:
            raise Unwritable
        flat = torch.empty(x.numel(), dtype=x.dtype).copy_(x.reshape(-1))
        data = flat.view(torch.uint8).numpy().tobytes() if x.numel() else b""
        key = f"{self.case}.{len(self.tensors)}"
        self.tensors[key] = (DTYPES[x.dtype], list(x.shape), data)
        return {"tensor": key}

    def value(self, x):
        if isinstance(x, torch.Tensor):
            return self.tensor(x)
        if x is None or isinstance(x, (bool, str)):
            return x
        if isinstance(x, int):
            return int(x)
        if isinstance(x, float):
            special = {float("inf"): "inf", float("-inf"): "-inf"}
            return {"float": "nan" if x != x else special.get(x, x)}
        if isinstance(x, torch.dtype) and x in DTYPES:
            return {"dtype": str(x).removeprefix("torch.")}
        if isinstance(x, (list, tuple)):
            return {"list": [self.value(y) for y in x]}
        if isinstance(x, slice):
            return {"slice": [x.start, x.stop, x.step]}
        if x is Ellipsis:
            return {"ellipsis": True}
        raise Unwritable


def leaves(value, path):
    """What requires a gradient, with its path."""
    if isinstance(value, torch.Tensor):
        return [(path, value)] if value.requires_grad else []
    if isinstance(value, (list, tuple)):
        return [leaf for i, inner in enumerate(value) for leaf in leaves(inner, f"{path}/{i}")]
    return []


def written(writer, args, kwargs):
    return {
        "args": [writer.value(x) for x in args],
        "kwargs": {name: writer.value(x) for name, x in kwargs.items()},
    }


def answered(op, writer, args, kwargs):
    """The call, its answer, and its gradients."""
    case = written(writer, args, kwargs)
    inputs = [leaf for i, x in enumerate(args) for leaf in leaves(x, f"args/{i}")]
    inputs += [leaf for name, x in kwargs.items() for leaf in leaves(x, f"kwargs/{name}")]
    in_place = op.name.endswith("_") and not op.name.startswith("__")
    out = op(*([args[0].clone(), *args[1:]] if in_place else args), **kwargs)
    case["out"] = writer.value(out)
    outputs = [x for x in (out if isinstance(out, (tuple, list)) else [out]) if isinstance(x, torch.Tensor)]
    recorded = [x for x in outputs if x.requires_grad]
    if inputs and recorded:
        cotangents = [torch.randn_like(x) if x.requires_grad else None for x in outputs]
        given = [x for x in cotangents if x is not None]
        found = torch.autograd.grad(recorded, [x for _, x in inputs], given, allow_unused=True)
        case["cotangents"] = [None if x is None else writer.tensor(x) for x in cotangents]
        pairs = [(path, dx) for (path, _), dx in zip(inputs, found) if dx is not None]
        case["grads"] = [{"of": path, "value": writer.tensor(dx)} for path, dx in pairs]
    return case


def samples(op, dtype):
    differentiable = op.supports_autograd and dtype.is_floating_point
    if dtype not in op.supported_dtypes("cpu"):
        return []
    return list(op.sample_inputs("cpu", dtype, requires_grad=differentiable))


def draw(op, most, tensors):
    """Cases of one operation."""
    cases = []
    for dtype in (torch.float32, torch.int64, torch.bool):
        all_samples = samples(op, dtype)
        count = most if dtype.is_floating_point else max(most // 2, 1)
        for i in random.sample(range(len(all_samples)), min(count, len(all_samples))):
            sample = all_samples[i]
            variant = f"@{op.variant_test_name}" if op.variant_test_name else ""
            writer = Writer(f"{op.name}{variant}.{str(dtype).removeprefix('torch.')}.{i}")
            args = [sample.input, *sample.args]
            kwargs = {name: x for name, x in sample.kwargs.items() if name not in DROPPED}
            if sum(x.numel() for x in args if isinstance(x, torch.Tensor)) > LARGEST:
                continue
            try:
                signal.alarm(20)
                case = answered(op, writer, args, kwargs)
            except (Unwritable, TooSlow, RuntimeError, NotImplementedError, TypeError):
                continue
            finally:
                signal.alarm(0)
            cases.append({**case, "id": writer.case, "variant": op.variant_test_name})
            tensors.update(writer.tensors)
    return cases


def refusals(op, tensors):
    """Calls of one operation that PyTorch refuses."""
    refused = []
    if op.error_inputs_func is None:
        return refused
    for i, error in enumerate(op.error_inputs("cpu")):
        sample = error.sample_input
        writer = Writer(f"{op.name}.error.{i}")
        args = [sample.input, *sample.args]
        if DROPPED & sample.kwargs.keys():
            continue
        try:
            case = written(writer, args, sample.kwargs)
        except Unwritable:
            continue
        try:
            op(*args, **sample.kwargs)
            continue
        except Exception:
            pass
        names = {"error": error.error_regex, "id": writer.case, "variant": op.variant_test_name}
        refused.append({**case, **names})
        tensors.update(writer.tensors)
    return refused


def main():
    seed, most, folder, *only = sys.argv[1:]
    random.seed(int(seed))
    torch.manual_seed(int(seed))
    signal.signal(signal.SIGALRM, stop)
    with gzip.open(HERE / "ops.json.gz") as file:
        names = {operation["op"] for operation in json.load(file)}
    operations, tensors = {}, {}
    for op in op_db:
        if op.name not in names or (only and op.name not in only):
            continue
        entry = operations.setdefault(op.name, {"op": op.name, "cases": [], "errors": []})
        entry["cases"] += draw(op, int(most), tensors)
        entry["errors"] += refusals(op, tensors)
    header, end = {}, 0
    for key, (dtype, shape, data) in tensors.items():
        header[key] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + len(data)]}
        end += len(data)
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with gzip.open(folder / "ops.json.gz", "wt") as file:
        json.dump(list(operations.values()), file)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with gzip.open(folder / "ops.safetensors.gz", "wb", compresslevel=1) as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, _, data in tensors.values():
            file.write(data)
    print(len(operations), "operations,", sum(len(entry["cases"]) for entry in operations.values()), "cases")


if __name__ == "__main__":
    main()
