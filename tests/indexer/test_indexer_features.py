"""Features of matchers are kept, published and refused as vectors are; some encoders give them in their own pass."""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from toy_encoder import ToyEncoder
from toy_library import ToyLibrary
from toy_matcher import NAME, ToyFeatureEncoder, ToyMatcher, ToyNetwork, quarters, toy_card
from typer.testing import CliRunner

import indexer.ingest.model_choice
import models.library
import models.shipped
from indexer import cli
from indexer.errors import DamagedGenerationError
from indexer.ingest.model_choice import choose_matchers, choose_models
from indexer.store.generation import open_current
from models.errors import InputError, ModelError, UnknownModelError
from models.names import DEFAULT_MODEL

FEATURES = f"{NAME}.features.npy"


def by_hand(workshop) -> np.ndarray:
    """Return the features of the workshop's pictures in the order of their rows, straight from the files."""
    pixels = [np.asarray(Image.open(workshop.photos / name).convert("RGB")) for name in workshop.names()]
    return quarters(np.stack([ToyEncoder().prepare(picture) for picture in pixels]))


def kept(workshop) -> np.ndarray:
    with workshop.open() as generation:
        array = generation.feature_arrays[NAME]
        assert array.matrix.dtype == np.float16
        return array.features(range(len(array.matrix)))


def log_bytes(workshop) -> int:
    (log,) = (workshop.root / "work" / "vectors").glob(f"{NAME}.*")
    return log.stat().st_size


@pytest.fixture
def painted(workshop):
    workshop.paint_all()
    for number in range(60):
        workshop.paint(f"{number:02}.png", (4 * number, 250 - 3 * number, number))
    return workshop


@pytest.mark.parametrize("shared", [True, False])
def test_each_image_has_its_features_whichever_pass_they_come_from(painted, shared):
    encoder, matcher = (ToyFeatureEncoder() if shared else ToyEncoder()), ToyMatcher()
    painted.index(encoders=[encoder], matchers=[] if shared else [matcher])
    assert (encoder.images_encoded, matcher.images_encoded) == (64, 0 if shared else 64)
    np.testing.assert_array_equal(kept(painted), by_hand(painted))


def test_one_pass_gives_the_features_of_several_matchers(painted):
    encoder, network = ToyEncoder(), ToyNetwork(NAME, "twice")
    painted.index(encoders=[encoder], matchers=[network])
    assert (encoder.images_encoded, network.images_encoded) == (64, 64)
    np.testing.assert_array_equal(kept(painted), by_hand(painted))
    with painted.open() as generation:
        twice = generation.feature_arrays["twice"].features(range(64))
    np.testing.assert_array_equal(twice, 2 * by_hand(painted))


def test_a_matcher_that_joins_a_pass_leaves_the_others_as_they_are(painted):
    painted.index(matchers=[ToyNetwork(NAME)])
    before, size = kept(painted), log_bytes(painted)
    network = ToyNetwork("first", NAME)  # whose pass now gives other numbers for the one that is there
    assert painted.index(matchers=[network]).added == network.images_encoded == 64
    np.testing.assert_array_equal(kept(painted), before)
    assert log_bytes(painted) == size


def test_features_may_be_left_closed_and_are_then_not_checked(painted):
    painted.index(matchers=[ToyMatcher()])
    generation = next(painted.root.glob("generations/*"))
    (generation / FEATURES).write_bytes(b"damaged")
    with open_current(painted.root, features=False) as opened:
        assert opened.feature_arrays == {}
        assert opened.catalog.image_count == 64
    with pytest.raises(DamagedGenerationError, match=FEATURES):
        open_current(painted.root)


def test_a_row_outside_is_an_error(painted):
    painted.index(matchers=[ToyMatcher()])
    with painted.open() as generation, pytest.raises(IndexError, match="0 to 63"):
        generation.feature_arrays[NAME].features([64])


@pytest.mark.parametrize("shared", [True, False])
def test_a_matcher_that_comes_later_is_added_and_no_vector_changes(painted, shared):
    painted.index()
    with painted.open() as generation:
        assert generation.feature_arrays == {}
        before = generation.vector_set("toy", "image").vectors(range(64))
    encoder, matcher = (ToyFeatureEncoder() if shared else ToyEncoder()), ToyMatcher()
    report = painted.index(encoders=[encoder], matchers=[] if shared else [matcher])
    assert (report.generation, report.images, report.added) == (2, 64, 64)
    assert encoder.images_encoded == (64 if shared else 0)
    np.testing.assert_array_equal(kept(painted), by_hand(painted))
    with painted.open() as generation:
        np.testing.assert_array_equal(generation.vector_set("toy", "image").vectors(range(64)), before)
    assert painted.index(encoders=[encoder], matchers=[] if shared else [matcher]).generation is None


def test_one_that_is_left_out_goes_and_nothing_is_encoded_for_it(painted):
    painted.index(matchers=[ToyMatcher()])
    report = painted.index()
    assert (report.generation, report.added) == (2, 0)
    with painted.open() as generation:
        assert generation.feature_arrays == {}
    assert not list((painted.root / "work" / "vectors").glob(f"{NAME}.*"))


def test_other_weights_compute_anew(painted):
    painted.index(matchers=[ToyMatcher()])
    again = ToyMatcher(weights_sha256="b" * 64)
    assert painted.index(matchers=[again]).added == again.images_encoded == 64
    with painted.open() as generation:
        assert generation.feature_arrays[NAME].identity == again.card.identity


def test_features_of_deleted_images_do_not_stay_on_disk(painted):
    painted.index(matchers=[ToyMatcher()])
    before = log_bytes(painted)
    for number in range(48):
        (painted.photos / f"{number:02}.png").unlink()
    painted.index(matchers=[ToyMatcher()], allow_removal=True, purge=True)
    assert log_bytes(painted) == before // 4
    np.testing.assert_array_equal(kept(painted), by_hand(painted))


def test_a_run_that_was_stopped_goes_on_where_it_was(painted):
    class Stopping(ToyMatcher):
        def encode_images(self, prepared):
            if self.images_encoded:
                raise KeyboardInterrupt
            return super().encode_images(prepared)

    with pytest.raises(KeyboardInterrupt):
        painted.index(matchers=[Stopping()])
    matcher = ToyMatcher()
    painted.index(matchers=[matcher])
    assert matcher.images_encoded == 32
    np.testing.assert_array_equal(kept(painted), by_hand(painted))


@pytest.mark.parametrize("factor", [np.nan, 1e6])
def test_features_that_float16_cannot_hold_are_refused(painted, factor):
    class Broken(ToyMatcher):
        def encode_images(self, prepared):
            return super().encode_images(prepared).astype(np.float32) * factor

    with pytest.raises(ModelError, match=f"{NAME} gave"):
        painted.index(matchers=[Broken()])


def test_one_flipped_bit_or_a_missing_file_is_refused_by_name(painted):
    painted.index(matchers=[ToyMatcher()])
    file = painted.root / "generations" / "000001" / FEATURES
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(DamagedGenerationError, match=FEATURES):
        painted.open()
    file.unlink()
    with pytest.raises(DamagedGenerationError, match=FEATURES):
        painted.open()
    assert painted.index(matchers=[ToyMatcher()]).added == 0  # from the log
    np.testing.assert_array_equal(kept(painted), by_hand(painted))


def forge(root: Path, array: np.ndarray, **claims: object) -> None:
    """Put another array in the place of the features, and make every hash agree."""
    folder = root / "generations" / "000001"
    np.save(folder / FEATURES, array)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["feature_arrays"][0].update(claims)
    for entry in manifest["files"]:
        data = (folder / entry["name"]).read_bytes()
        entry.update(bytes=len(data), sha256=sha256(data).hexdigest())
    forged = json.dumps(manifest).encode()
    (folder / "manifest.json").write_bytes(forged)
    (root / "CURRENT").write_text(json.dumps({"generation": 1, "manifest_sha256": sha256(forged).hexdigest()}))


@pytest.mark.parametrize(
    ("array", "claims", "told"),
    [
        (np.zeros((64, 4, 3), np.float32), {}, rf"{FEATURES}.*float32"),
        (np.zeros((64, 12), np.float16), {}, rf"{FEATURES}.*\(64, 12\)"),
        (np.zeros((63, 4, 3), np.float16), {}, rf"{FEATURES}.*\(63, 4, 3\)"),
        (np.zeros((63, 4, 3), np.float16), {"rows": 63}, rf"{FEATURES}.*63 images, the catalog has 64"),
        (np.zeros((64, 4, 3), np.float16), {"dtype": "float64"}, "this version"),
    ],
)
def test_an_array_of_another_form_is_refused(painted, array, claims, told):
    painted.index(matchers=[ToyMatcher()])
    forge(painted.root, array, **claims)
    with pytest.raises(DamagedGenerationError, match=told):
        painted.open()


def test_a_manifest_from_before_features_still_opens(painted):
    painted.index()
    folder = painted.root / "generations" / "000001"
    manifest = json.loads((folder / "manifest.json").read_bytes())
    del manifest["feature_arrays"]
    old = json.dumps(manifest).encode()
    (folder / "manifest.json").write_bytes(old)
    (painted.root / "CURRENT").write_text(json.dumps({"generation": 1, "manifest_sha256": sha256(old).hexdigest()}))
    with painted.open() as generation:
        assert (generation.feature_arrays, generation.catalog.image_count) == ({}, 64)
    assert painted.index().generation is None


class TestChoice:
    """Which matchers a run keeps."""

    @pytest.fixture(autouse=True)
    def shipped(self, monkeypatch):
        """Let three toy matchers ship."""
        over_a_backbone = replace(toy_card("apart"), parts={"backbone": "c" * 64})
        cards = (ToyMatcher().card, ToyMatcher("of-another", encoder="other").card, over_a_backbone)
        monkeypatch.setattr(models.shipped, "matcher_cards", lambda: cards)
        monkeypatch.setattr(indexer.ingest.model_choice, "matcher_cards", lambda: cards)

    def test_models_are_those_asked_for_else_the_collection_s_own_else_the_default(self):
        assert choose_models(["b", "a", "b"], ["held"]) == ["b", "a"]
        assert choose_models([], ("y", "x")) == ["y", "x"]
        assert choose_models([], None) == [DEFAULT_MODEL]

    def test_a_new_collection_gets_those_of_its_models_that_need_no_pass_of_their_own(self):
        assert choose_matchers([], ["toy"], None) == [NAME]
        assert choose_matchers([], ["toy", "other"], None) == [NAME, "of-another"]
        assert choose_matchers([], ["hf:some/clip"], None) == []

    def test_an_old_one_keeps_its_own(self):
        assert choose_matchers([], ["toy"], []) == []
        assert choose_matchers([], ["toy", "other"], [NAME, "no longer shipped"]) == [NAME]
        assert choose_matchers([], ["toy"], [NAME, "apart"]) == [NAME, "apart"]

    def test_what_is_asked_for_is_taken(self):
        assert choose_matchers([NAME, NAME], ["toy"], []) == [NAME]
        assert choose_matchers(["apart"], ["toy"], None) == ["apart"]
        assert choose_matchers(["none"], ["toy"], [NAME]) == []

    def test_what_does_not_fit_is_refused_with_the_way_out(self):
        with pytest.raises(InputError, match="add --model other"):
            choose_matchers(["of-another"], ["toy"], None)
        with pytest.raises(UnknownModelError, match=f"'x'; there are: {NAME}, of-another, apart"):
            choose_matchers(["x"], ["toy"], None)

    @pytest.mark.parametrize("encoder", [ToyEncoder, ToyFeatureEncoder])
    def test_the_command_keeps_features_until_told_otherwise(self, painted, monkeypatch, encoder):
        loaded = []

        def library(*_arguments):
            return ToyLibrary(encoder, matcher=lambda name: loaded.append(name) or ToyMatcher())

        monkeypatch.setattr(models.library, "InstalledModels", library)
        command = ["index", str(painted.photos), "--collection", "toy", "--data-dir", str(painted.data_dir)]

        def run(*options: str) -> set[str]:
            result = CliRunner().invoke(cli.app, [*command, *options])
            assert result.exit_code == 0, result.output
            with painted.open() as generation:
                return set(generation.feature_arrays)

        assert run("--model", "toy") == {NAME}
        assert run() == {NAME}
        assert loaded == ([] if encoder is ToyFeatureEncoder else [NAME, NAME])
