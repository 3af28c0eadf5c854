"""The estimates of large collections: their arithmetic, and the slowest of many shards."""

import numpy as np
import pytest

from benchmarks.scale import Costs, Machine, estimate, limits, power_law, slowest

UNIFORM = ((0.0, 0.0), (1.0, 1.0))
COSTS = Costs(
    encode_small_s=0.01,
    encode_large_s=0.1,
    large_bytes=1e6,
    request_s=0.01,
    search_s=lambda rows: rows * 1e-8,
    build_s=lambda rows: rows * 1e-4,
    index_bytes=1000,
    disk_bytes=4000,
    latencies_s=UNIFORM,
)
MACHINE = Machine(cores=10, memory=1e9, disk=1e10, busy=0.5)


def test_a_power_law_goes_through_its_points() -> None:
    law = power_law([(10, 3 * 10**1.5), (100, 3 * 100**1.5), (1000, 3 * 1000**1.5)])
    assert law(10**6) == pytest.approx(3e9)


def test_a_collection_is_cut_by_memory_and_searched_by_as_many_machines_as_it_needs() -> None:
    one = estimate(10_000_000, COSTS, MACHINE)
    assert one.shards == 10  # 10 GB of index
    assert one.of_search_s == pytest.approx(0.01 + 10 * 1_000_000 * 1e-8)  # 0.11 s of all
    assert one.machines == 10  # 100 searches a second take 11 cores, of 5 that each machine may give
    assert one.encode_s == pytest.approx(10_000_000 * 0.1 / 100)
    assert one.read_bytes_s == pytest.approx(10_000_000 * 1e6 / 10_000 / 10)
    busy = estimate(10_000_000, COSTS, Machine(cores=1, memory=1e9, disk=1e10, busy=0.5))
    assert busy.machines == 22


def test_limits_are_told_in_the_order_in_which_they_are_reached() -> None:
    found = limits(COSTS, MACHINE)
    assert [size for _, size in found] == sorted(size for _, size in found)
    assert dict(found)["memory for the index"] == 1_000_000
    assert dict(found)["disk for vectors, index and catalog"] == 2_500_000
    assert dict(found)["100 searches a second"] == pytest.approx(4_000_000, rel=0.05)  # 5 cores: 0.05 s a search


def test_the_slowest_of_four_uniform_times() -> None:
    drawn = slowest(UNIFORM, 4, hedged=False)
    for share in (0.1, 0.5, 0.9):
        assert np.quantile(drawn, share) == pytest.approx(share**0.25, abs=0.01)


def test_a_second_request_shortens_only_what_is_late() -> None:
    quantiles = ((0.0, 1.0), (0.95, 1.0), (1.0, 101.0))
    plain, hedged = (slowest(quantiles, 1, hedged=hedged) for hedged in (False, True))
    assert np.quantile(plain, 0.5) == np.quantile(hedged, 0.5) == 1
    assert np.quantile(plain, 0.99) == pytest.approx(81, abs=3)
    assert np.quantile(hedged, 0.99) == pytest.approx(2, abs=0.1)
