"""Draws arrays, print options and suffixes, and writes what PyTorch prints of them: display_options.json.gz."""

import gzip
import json
import random
import struct
import sys

import torch

random.seed(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
count = int(sys.argv[1]) if len(sys.argv) > 1 else 600
floats = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
integers = [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8]


def number():
    return random.choice([
        lambda: random.gauss(0, 1),
        lambda: random.gauss(0, 1) * 10 ** random.uniform(-6, 10),
        lambda: random.randint(-20, 20) / 8,
        lambda: float(random.randint(-1000, 1000)),
        lambda: random.choice([0.0, -0.0, 1.0, -1.0, 0.5, 2.5, 1e8, 1e-4, 9.9999e-5, 1.00000001e8, 99999.5, 5e-324,
                               1.7e308, 65504.0, 1e300, 1e-300, float("nan"), float("inf"), float("-inf")]),
    ])


cases = []
for _ in range(count):
    dtype = random.choice(floats + floats + integers + [torch.bool])
    rank = random.choice([0, 1, 1, 1, 2, 2, 3, 4])
    shape = [random.choice([0, 1, 2, 3, 5, 7, 9, 12] if rank < 3 else [1, 2, 3, 4]) for _ in range(rank)]
    n = 1
    for size in shape:
        n *= size
    if dtype.is_floating_point:
        draw = [number() for _ in range(random.randint(1, 3))]
        x = torch.tensor([random.choice(draw)() for _ in range(n)], dtype=torch.float64).to(dtype).reshape(shape)
        values = [struct.unpack("<Q", struct.pack("<d", v))[0] for v in x.double().flatten().tolist()]
    elif dtype == torch.bool:
        x = torch.tensor([random.random() < 0.5 for _ in range(n)], dtype=dtype).reshape(shape)
        values = x.flatten().int().tolist()
    else:
        info = torch.iinfo(dtype)
        low, high = random.choice([(0, 10), (-5, 5), (-100, 120), (info.min, info.max)])
        x = torch.tensor([random.randint(max(low, info.min), min(high, info.max)) for _ in range(n)], dtype=dtype)
        x = x.reshape(shape)
        values = x.flatten().tolist()
    options = dict(
        precision=random.choice([4, 4, 0, 1, 2, 8, 20]),
        threshold=random.choice([1000, 1000, 0, 5, 20]),
        edgeitems=random.choice([3, 3, 0, 1, 2, 5]),
        linewidth=random.choice([80, 80, 20, 1, 41, 200]),
        sci_mode=random.choice([None, None, None, True, False]),
    )
    torch.set_printoptions(**options)
    transposed = rank >= 2 and random.random() < 0.3
    if transposed:
        x = x.transpose(0, 1)
    suffix = None
    if dtype.is_floating_point and random.random() < 0.3:
        x = x.requires_grad_()
        suffix = "requires_grad=True"
        if random.random() < 0.5:
            x = x * 1
            suffix = "grad_fn=<MulBackward0>"
    cases.append(dict(dtype=str(dtype)[6:], shape=shape, values=values, options=options, transposed=transposed,
                      suffix=suffix, text=repr(x)))

with gzip.GzipFile("display_options.json.gz", "wb", mtime=0) as file:
    file.write(json.dumps(cases).encode())
