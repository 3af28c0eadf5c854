"""A pass is described by names, can be given to another process, and gives the same rows there."""

import multiprocessing
import pickle
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray
from toy_encoder import ToyEncoder
from toy_indexing import HeldModels
from toy_library import ToyLibrary
from toy_matcher import NAME, ToyFeatureEncoder, ToyMatcher, ToyNetwork, quarters

from indexer.ingest.image_pass import ImagePass, plan_passes
from models.errors import UnknownModelError
from models.inference.execution import Execution
from models.protocols import FeatureSource
from models.types import Pixels

EXECUTION = Execution("torch", "cpu", 1)
PIXELS = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
ENCODER_PASS = ImagePass("toy", (NAME,), EXECUTION)
MATCHER_PASS = ImagePass(None, (NAME,), EXECUTION)


def run(described: ImagePass, prepared: Pixels) -> dict[str, NDArray]:
    """Run a pass in a process that has nothing but the description."""
    return dict(described.load(ToyLibrary(ToyFeatureEncoder)).run(prepared))


@pytest.mark.parametrize("described", [ENCODER_PASS, MATCHER_PASS])
def test_a_description_survives_pickling(described):
    assert pickle.loads(pickle.dumps(described)) == described


def test_another_process_gives_the_same_rows():
    by_hand = {"toy": ToyEncoder().encode_images(PIXELS), NAME: quarters(PIXELS)}
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        for described, names in ((ENCODER_PASS, ["toy", NAME]), (MATCHER_PASS, [NAME])):
            found = pool.submit(run, described, PIXELS).result()
            assert list(found) == names
            for name in names:
                np.testing.assert_array_equal(found[name], by_hand[name])


@pytest.mark.parametrize(
    ("library", "described", "card", "gives"),
    [
        (HeldModels([ToyEncoder()]), ImagePass("toy", (), EXECUTION), "toy", ["toy"]),
        (HeldModels([ToyFeatureEncoder()]), ENCODER_PASS, "toy", ["toy", NAME]),
        (HeldModels([], [ToyMatcher()]), MATCHER_PASS, NAME, [NAME]),
        (HeldModels([], [ToyNetwork(NAME, "b")]), ImagePass(None, (NAME, "b"), EXECUTION), NAME, [NAME, "b"]),
    ],
)
def test_a_worker_tells_what_it_gives_and_gives_it(library, described, card, gives):
    worker = described.load(library)
    assert worker.card.name == card
    assert [given.name for given in worker.gives] == gives
    assert (worker.encoder is None) == (described.encoder is None)
    assert list(worker.run(PIXELS)) == gives
    assert all(worker.serves([name, "other"]) for name in gives)
    assert not worker.serves(["other"])
    np.testing.assert_array_equal(worker.prepare(PIXELS[0]), ToyEncoder().prepare(PIXELS[0]))


def planned(
    models: Mapping[str, Callable[[str], ToyEncoder]], sources: Sequence[FeatureSource], wanted: Sequence[str]
) -> list[ImagePass]:
    library = HeldModels([make(name) for name, make in models.items()], sources)
    return plan_passes(list(models), wanted, library, EXECUTION)


def test_there_is_a_pass_for_each_model_and_for_each_network_of_features_that_none_gives_along():
    models = {"plain": ToyEncoder, "toy": ToyFeatureEncoder}
    assert planned(models, [ToyMatcher("x"), ToyNetwork("y", "z")], [NAME, "x", "y", "z"]) == [
        ImagePass("plain", (), EXECUTION),
        ImagePass("toy", (NAME,), EXECUTION),
        ImagePass(None, ("x",), EXECUTION),
        ImagePass(None, ("y", "z"), EXECUTION),
    ]


def test_features_that_an_encoder_gives_are_not_made_twice():
    assert planned({"toy": ToyFeatureEncoder}, [ToyMatcher()], [NAME]) == [ENCODER_PASS]
    assert planned({"toy": ToyEncoder}, [ToyMatcher()], [NAME]) == [ImagePass("toy", (), EXECUTION), MATCHER_PASS]


def test_an_unknown_model_is_refused_by_the_library():
    def unknown(name: str) -> ToyEncoder:
        raise UnknownModelError(f"no model named {name!r}")

    with pytest.raises(UnknownModelError, match="'x'"):
        plan_passes(["x"], [], ToyLibrary(unknown), EXECUTION)
