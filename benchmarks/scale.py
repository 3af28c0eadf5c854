"""Estimates what large collections take, from what was measured here: makes ``docs/scale.md``.

Its inputs are result files alone: rates of encoding (``indexing.csv``, ``large_photographs.csv``), the CPU time of a
search (``searching.csv``), and sizes, build times and latencies of indexes (``index_kinds.csv``). What grows with the
number of vectors is a power law through the measured sizes, drawn out beyond them. A collection is cut into shards of
equal size, one a machine, each searched for every query; the slowest answers last.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.figures import read_csv

RESULTS = Path(__file__).parent / "results"
Law = Callable[[float], float]
Table = Callable[[tuple[str, ...], Sequence[Mapping[str, str]]], str]

PHOTOGRAPHS = (10**6, 10**7, 10**8, 10**10)
SEARCHES_PER_S = 100
_SHARDS = (1, 4, 16, 64, 256)
_DRAWS = 100_000
_DAY_S = 86_400


_RUN = (
    (
        "vectors",
        "a Milvus 2.3.5 server with the etcd and the storage inside it, killed among searches and while it builds; "
        "Milvus Lite",
        "Milvus with an etcd and a MinIO of their own; a cluster of several nodes",
    ),
    ("catalogs", "a PostgreSQL 15 server, killed in the middle", "a server with standbys"),
    ("photographs", "`moto`'s server of S3, killed, paused, emptied; tar files there and in folders", "MinIO, AWS"),
    (
        "encoding",
        "Ray 2.60 with two workers, and with two nodes, of one machine; workers and the indexer killed",
        "several machines; GPUs",
    ),
    (
        "replicas",
        "two services behind nginx 1.22 under load, restarted in turn: [what came of it](reliability.md#replicas)",
        "several machines with a network file system",
    ),
    ("containers", "tests check the files, nginx its own", "no image was built here, nor the compose file started"),
)
"""Of each part what real processes were run of, all on one machine, and what was not."""


@dataclass(frozen=True)
class Machine:
    """The machine that is reckoned with: parts of it are left for the system and for growth."""

    cores: int = 16
    memory: float = 128e9 * 0.6
    disk: float = 4e12 * 0.8
    busy: float = 0.5
    """The share of its cores that searches may take, so that a burst does not wait."""


@dataclass(frozen=True)
class Costs:
    """What was measured: seconds of one core, and bytes.

    Attributes:
        encode_small_s: to index a photograph of a few hundred pixels; ``encode_large_s``: of a camera's.
        large_bytes: of the camera's file.
        request_s: of a search, without the index.
        search_s: of the index, by its rows; ``build_s``: to build it.
        index_bytes: of a vector in memory; ``disk_bytes``: of a photograph on disk, its own file apart.
        latencies_s: quantiles of one search of the largest index that was measured, as pairs.
    """

    encode_small_s: float
    encode_large_s: float
    large_bytes: float
    request_s: float
    search_s: Law
    build_s: Law
    index_bytes: float
    disk_bytes: float
    latencies_s: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Estimate:
    """What a number of photographs takes."""

    photographs: int
    shards: int
    machines: int
    of_search_s: float
    memory: float
    disk: float
    build_s: float
    encode_s: float
    read_bytes_s: float


def costs(results: Path = RESULTS) -> Costs:
    """Read the measured costs."""
    values: dict[str, dict[str, float]] = {}
    cores: dict[str, int] = {}
    for name in ("indexing", "large_photographs", "searching", "index_kinds"):
        rows = read_csv(results / f"{name}.csv")
        values[name] = {row["name"]: float(row["value"]) for row in rows}
        cores[name] = int(rows[0]["cores"])
    kinds, large = values["index_kinds"], values["large_photographs"]
    sizes = sorted(
        int(name.split()[1].replace(",", "")) for name in kinds if name.startswith("ivf") and "build" in name
    )
    name = f"ivf_sq8, {sizes[-1]:,} vectors"
    quantiles = {row.rpartition("p")[2]: value for row, value in kinds.items() if row.startswith(f"{name}: search")}
    index_bytes = kinds[f"{name}: index"]
    exact_bytes = next(value for row, value in kinds.items() if row.startswith("flat") and row.endswith("index"))
    service_s = cores["searching"] / values["searching"]["32 clients, throughput"]
    return Costs(
        encode_small_s=cores["indexing"] / values["indexing"]["indexing, end to end"],
        encode_large_s=cores["large_photographs"] / large["large photographs, end to end"],
        large_bytes=large["the same in bytes"] * 1e6 / large["large photographs, end to end"],
        request_s=service_s - values["searching"]["text: FAISS search"] / 1e3,
        search_s=power_law([(size, kinds[f"ivf_sq8, {size:,} vectors: search, p50"] / 1e3) for size in sizes]),
        build_s=power_law([(size, kinds[f"ivf_sq8, {size:,} vectors: build"]) for size in sizes]),
        index_bytes=index_bytes,
        disk_bytes=exact_bytes + index_bytes + kinds["catalog, bytes a photograph"],
        latencies_s=sorted((float(quantile) / 100, value / 1e3) for quantile, value in quantiles.items()),
    )


def power_law(points: Sequence[tuple[float, float]]) -> Law:
    """Return ``a n^b``, by least squares of the logarithms of points ``(n, value)``."""
    sizes, values = np.log(np.array(points, float)).T
    power, factor = np.polyfit(sizes, values, 1)
    return lambda size: float(math.exp(factor) * size**power)


def estimate(photographs: int, cost: Costs, machine: Machine = Machine()) -> Estimate:
    """Return what so many photographs of a camera take, and so many searches a second of them."""
    memory, disk = photographs * cost.index_bytes, photographs * cost.disk_bytes
    shards = max(1, math.ceil(memory / machine.memory), math.ceil(disk / machine.disk))
    each_s = cost.request_s + shards * cost.search_s(photographs / shards)
    machines = max(shards, math.ceil(SEARCHES_PER_S * each_s / (machine.cores * machine.busy)))
    encode_s = photographs * cost.encode_large_s / (machine.cores * machines)
    return Estimate(
        photographs,
        shards,
        machines,
        of_search_s=each_s,
        memory=memory,
        disk=disk,
        build_s=cost.build_s(photographs / shards) / machine.cores,
        encode_s=encode_s,
        read_bytes_s=photographs * cost.large_bytes / encode_s / machines,
    )


def limits(cost: Costs, machine: Machine = Machine()) -> list[tuple[str, float]]:
    """Return at how many photographs one machine reaches each limit, the first one first."""
    busy_s = machine.cores * machine.busy

    def largest(holds: Callable[[float], bool]) -> float:
        return max((size for size in sizes if holds(size)), default=0.0)

    sizes = [10 ** (exponent / 50) for exponent in range(250, 600)]
    found = {
        "memory for the index": machine.memory / cost.index_bytes,
        "disk for vectors, index and catalog": machine.disk / cost.disk_bytes,
        "a week to encode camera files anew": 7 * _DAY_S * machine.cores / cost.encode_large_s,
        f"{SEARCHES_PER_S} searches a second": largest(
            lambda size: SEARCHES_PER_S * (cost.request_s + cost.search_s(size)) <= busy_s
        ),
        "an hour to build the index at each publish": largest(lambda size: cost.build_s(size) / machine.cores <= 3600),
    }
    return sorted(found.items(), key=lambda limit: limit[1])


def slowest(
    quantiles: Sequence[tuple[float, float]], shards: int, *, hedged: bool, seed: int = 0
) -> NDArray[np.float64]:
    """Draw how long the slowest of some shards takes, ``(_DRAWS,)`` seconds.

    Args:
        quantiles: of one shard's time, as pairs of share and seconds; beyond the outermost their own value holds.
        shards: that are asked, independently of each other.
        hedged: a shard that has not answered within the 95th percentile is asked a second time, on a replica, and the
            first answer counts (Dean and Barroso, The Tail at Scale, 2013).
        seed: of the draws.
    """
    random = np.random.default_rng(seed)
    shares, seconds = zip(*quantiles, strict=True)
    late_s = float(np.interp(0.95, shares, seconds))

    def draw() -> NDArray[np.float64]:
        return np.interp(random.random(_DRAWS), shares, seconds)

    longest = np.zeros(_DRAWS)
    for _ in range(shards):
        one = draw()
        if hedged:
            one = np.where(one > late_s, np.minimum(one, late_s + draw()), one)
        longest = np.maximum(longest, one)
    return longest


def scale_page(table: Table) -> str:
    """Return ``docs/scale.md``."""
    cost, machine = costs(), Machine()
    wanted = [
        {
            "photographs": f"{one.photographs:,}",
            "shards": f"{one.shards:,}",
            "machines": f"{one.machines:,}",
            "memory": _bytes(one.memory),
            "disk": _bytes(one.disk),
            "CPU of a search": f"{one.of_search_s * 1e3:,.0f} ms",
            "index built in": _time(one.build_s),
            "encoded in": _time(one.encode_s),
            "reads, each machine": f"{one.read_bytes_s * 8 / 1e9:.2g} Gbit/s",
        }
        for one in (estimate(count, cost) for count in PHOTOGRAPHS)
    ]
    first = [{"limit of one machine": name, "photographs": f"{_two_digits(size):,}"} for name, size in limits(cost)]
    tails = []
    for shards in _SHARDS:
        row = {"shards": str(shards)}
        for hedged in (False, True):
            drawn = np.percentile(slowest(cost.latencies_s, shards, hedged=hedged), (50, 99)) * 1e3
            name = "hedged" if hedged else "plain"
            row |= {f"p50, {name}": f"{drawn[0]:.1f} ms", f"p99, {name}": f"{drawn[1]:.1f} ms"}
        tails.append(row)
    return f"""# Scale

Made by `python docs/generate.py` (`benchmarks/scale.py`) from `benchmarks/results`. **Measured** are indexes of up to
400,000 vectors, encoding and searching, all on two cores; **everything below is an estimate from that**, and nothing of
it was run at these sizes. What grows with the number of vectors is a power law through three measured sizes.

A machine here has {machine.cores} cores like the measured ones, 128 GB of memory (60 % for the index), 4 TB of disk
(80 %), no GPU; photographs are a camera's files of {cost.large_bytes / 1e6:.1f} MB. A collection is cut into equal
shards, one a machine, and each search asks all of them: the store inside Semblance is one shard on one machine, several
are an engine's work. Machines beyond the shards are replicas: {SEARCHES_PER_S} searches a second need them, at
{machine.busy:.0%} of the cores. Encoding and building use all cores.

{table(tuple(wanted[0]), wanted)}

*CPU of a search* is of all machines together. Small pictures are indexed
{cost.encode_large_s / cost.encode_small_s:.0f} times as fast: most of a camera's file is decoding. Encoding anew, for
another model, takes as long as the first time.

## When to move

On one machine, in the order in which limits are reached:

{table(tuple(first[0]), first)}

## The slowest of many

Of a search that asks N shards the slowest answers last. Times are drawn from the measured ones of one index
({_DRAWS:,} draws, shards independent, no network); *hedged* asks a shard that is slower than 95 of 100 a second time,
which costs 5 % more searches.

{table(tuple(tails[0]), tails)}

## What was run

Tests and benchmarks run real processes of the versions in `docker/compose.distributed.yaml`, all on one machine:

{table(("part", "run", "not run"), [dict(zip(("part", "run", "not run"), row, strict=True)) for row in _RUN])}
"""


def _bytes(count: float) -> str:
    power = min(4, int(math.log10(count)) // 3)
    return f"{count / 1e3**power:,.3g} {('B', 'kB', 'MB', 'GB', 'TB')[power]}"


def _time(seconds: float) -> str:
    for unit, length in (("days", _DAY_S), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{_two_digits(seconds / length):,} {unit}"
    return f"{seconds:.0f} s"


def _two_digits(value: float) -> int:
    """Round to two digits: an estimate has no more."""
    digits = 10 ** max(0, math.floor(math.log10(value)) - 1)
    return round(value / digits) * digits
