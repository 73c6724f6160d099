"""The numbers every contestant computes with, and those by which results are compared: the formulas of
`xtask/peers/inputs.rs`."""

import math
from functools import lru_cache

import numpy
import torch

# So many numbers at once, so that what is made on the way does not count as memory that a row needs.
CHUNK = 1 << 16


def seed(name):
    value = 0x811C9DC5
    for byte in name.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def bits(seed, index):
    x = index * numpy.uint32(0x9E3779B9) + numpy.uint32(seed)
    x = (x ^ (x >> numpy.uint32(16))) * numpy.uint32(0x7FEB352D)
    x = (x ^ (x >> numpy.uint32(15))) * numpy.uint32(0x846CA68B)
    return x ^ (x >> numpy.uint32(16))


def uniform(seed, index):
    return (bits(seed, index) >> numpy.uint32(8)).astype(numpy.float64) / (1 << 23) - 1.0


def made(shape, dtype, number):
    """An array of numbers, each a function of its place."""
    count = math.prod(shape)
    array = numpy.empty(count, dtype)
    for start in range(0, count, CHUNK):
        array[start : start + CHUNK] = number(numpy.arange(start, min(start + CHUNK, count), dtype=numpy.uint32))
    return torch.from_numpy(array).reshape(shape)


def normal(name, *shape):
    s, four = seed(name), numpy.uint32(4)

    def number(i):
        u = [uniform(s, four * i + numpy.uint32(k)) for k in range(4)]
        return (u[0] + u[1] + u[2] + u[3]) * 0.8660254037844386

    return made(shape, numpy.float32, number)


def integers(name, bound, *shape):
    s = seed(name)
    return made(shape, numpy.int64, lambda i: bits(s, i) % numpy.uint32(bound))


@torch.no_grad()
def fill(model):
    """What the parameters begin with."""
    for name, parameter in model.named_parameters():
        shape = tuple(parameter.shape)
        if "bias" in name:
            scale = 0.05
        elif len(shape) == 1:
            parameter.fill_(1.0)
            continue
        else:
            scale = math.sqrt(3.0 / math.prod(shape[1:]))
        s = seed(name)
        parameter.copy_(made(shape, numpy.float32, lambda i: uniform(s, i) * scale))


@lru_cache(2)
def signs(count):
    s = seed("digest")
    return made((count,), numpy.float64, lambda i: uniform(s, i)).numpy()


def digest(result):
    x = result.detach().to(torch.float64).flatten().numpy()
    n = len(x)
    return [abs(x).sum() / n, (x * signs(n)).sum() / n, x[0], x[n // 2], x[n - 1]]


assert seed("x") == 0xFD0C5087
assert bits(seed("x"), numpy.arange(3, dtype=numpy.uint32)).tolist() == [0x2CC4196B, 0xD6D11AC1, 0x989DC441]
