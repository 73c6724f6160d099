"""Answers the protocol of `xtask/peers/protocol.rs` with PyTorch; with --compile, torch.compile is around the models."""

import os
import statistics
import sys
import time

import torch

from rows import models, rows

BATCHES = 7


def timed(call, again, seconds):
    """Microseconds a call: the median of some batches, after one that brings the caches back."""
    if again:
        again()

    def batch(calls):
        start = time.perf_counter()
        for _ in range(calls):
            call()
        return (time.perf_counter() - start) / calls

    begin = time.perf_counter()
    batch(1)
    once = batch(1)
    calls = max(1, int(seconds / BATCHES / max(once, 1e-8)))
    times = [batch(calls)]
    while len(times) < 3 or time.perf_counter() - begin < seconds:
        times.append(batch(calls))
    return statistics.median(times) * 1e6


def memory():
    with open("/proc/self/status") as lines:
        return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def forget_memory():
    """Making the numbers that a row begins with is no part of what it needs."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass


def answer(word, rest, prepared, compiled):
    if word == "memory":
        return [memory()]
    if word == "time":
        return [timed(prepared["call"], prepared["again"], float(rest))] if prepared else None
    prepared.clear()
    if rest not in rows or compiled and not rest.startswith(models):
        return None
    numbers, prepared["call"], prepared["again"] = rows[rest](compiled)
    forget_memory()
    return numbers


def main():
    compiled = "--compile" in sys.argv
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    print("ok", "torch.compile" if compiled else "PyTorch", torch.__version__, flush=True)
    prepared = {}
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        try:
            numbers = answer(word, rest, prepared, compiled)
            print("missing" if numbers is None else "ok " + " ".join(repr(float(x)) for x in numbers), flush=True)
        except Exception as error:
            print("error", " ".join(str(error).split()), flush=True)


main()
