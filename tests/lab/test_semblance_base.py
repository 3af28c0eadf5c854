"""The shipped model is what its card says, in whichever runtime."""

from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from openvino_tolerance import openvino_tolerance
from toy_match import toy_match

from lab.data.captioned import CaptionedImages, load_split, training_data_root
from lab.evaluation.encoded import encode_captioned, encode_files
from lab.evaluation.retrieval import evaluate_retrieval
from lab.metrics.ranking import best_ranks
from models.composition import Term
from models.encoders.compiled import CompiledDualEncoder
from models.imaging.decode import decode_image
from models.inference.execution import Execution
from models.library import InstalledModels
from models.shipped import encoder_card

PHOTOGRAPHS = Path(__file__).parents[2] / "demo" / "photographs"
SENTENCES = ["a dog", "two giraffes stand close together in front of trees", "", "naïve café ☕ in 東京", "word " * 500]

AIMS = {
    "flickr8k-dev": {"text_to_image": (0.30, 0.61, 0.74), "image_to_text": (0.40, 0.67, 0.79)},
    "coco-dev": {"text_to_image": (0.23, 0.53, 0.68), "image_to_text": (0.30, 0.59, 0.73)},
}

IMAGENET_ANIMALS = {
    "cheetah-in-grass": "cheetah", "clownfish": "anemone fish", "bison-on-grass": "bison", "gorilla": "gorilla",
    "ibex": "ibex", "giant-panda": "giant panda", "koala": "koala", "komodo-dragon": "komodo dragon",
    "macaque": "macaque", "meerkats": "meerkat", "penguin": "king penguin", "polar-bear-snow": "ice bear",
    "proboscis-monkey-with-baby": "proboscis monkey", "red-panda": "lesser panda", "scarlet-macaw": "macaw",
    "spoonbills-in-water": "spoonbill", "toucan": "toucan", "two-jaguars": "jaguar", "tabby-cat": "tabby cat",
    "german-shepherd": "German shepherd", "chickens": "hen", "sheep": "ram", "flying-bat": "fruit bat",
    "gibbon-in-tree": "gibbon", "green-chameleon": "chameleon", "bee-red-blossom": "bee", "piglet": "hog",
    "lemurs": "Madagascar cat", "owl": "great grey owl", "white-duck": "drake",
}  # fmt: skip
"""Photographs of the demonstration, and what ImageNet calls the animal on them."""


@cache
def _encoder(runtime: str) -> CompiledDualEncoder:
    if runtime == "openvino":
        pytest.importorskip("openvino")
    encoder = InstalledModels(Execution(runtime, "auto")).encoder("semblance-base")  # type: ignore[arg-type]
    assert isinstance(encoder, CompiledDualEncoder)
    return encoder


def test_both_runtimes_agree_on_photographs() -> None:
    files = sorted(PHOTOGRAPHS.glob("*.jpg"))[::6]
    cosines = (encode_files(_encoder("torch"), files) * encode_files(_encoder("openvino"), files)).sum(axis=1)
    assert cosines.min() >= 1 - openvino_tolerance(float32=0.001, bfloat16=0.01)


def test_both_runtimes_agree_on_sentences() -> None:
    cosines = (_encoder("torch").encode_texts(SENTENCES) * _encoder("openvino").encode_texts(SENTENCES)).sum(axis=1)
    assert cosines.min() >= 1 - openvino_tolerance(float32=0.001, bfloat16=0.01)


def test_vectors_are_unit_length_and_do_not_depend_on_the_company_in_a_batch() -> None:
    encoder = _encoder("torch")
    together = encoder.encode_texts(SENTENCES)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    for sentence, vector in zip(SENTENCES, together, strict=True):
        np.testing.assert_allclose(encoder.encode_texts([sentence])[0], vector, atol=1e-4)


def test_nothing_in_is_nothing_out() -> None:
    encoder = _encoder("torch")
    size = encoder.card.preprocessing.size
    assert encoder.encode_texts([]).shape == (0, 768)
    assert encoder.encode_images(np.empty((0, size, size, 3), np.uint8)).shape == (0, 768)


def test_weights_fit_the_promised_size_and_the_card_names_what_a_user_must_know() -> None:
    card = encoder_card("semblance-base")
    assert card.weights_bytes <= 80e6
    assert card.languages == ("en",)
    assert "research" in card.licence
    assert card.training["command"] == "semblance train semblance-base"


@pytest.mark.parametrize("split", AIMS)
@pytest.mark.parametrize("direction", ["text_to_image", "image_to_text"])
def test_measured_quality_on_the_card_meets_the_aims(split: str, direction: str) -> None:
    figures = encoder_card("semblance-base").quality[split][direction]
    for k, aim in zip((1, 5, 10), AIMS[split][direction], strict=True):
        assert figures[f"r@{k}"] >= aim


@pytest.mark.training_data
def test_a_sample_of_dev_is_ranked_as_well_as_the_card_says() -> None:
    if training_data_root() is None:
        pytest.skip("needs the captioned photographs: set SEMBLANCE_TRAINING_DATA")
    data = load_split("flickr8k-dev")
    sample = CaptionedImages("sample", data.files[:150], data.captions[:150])
    figures = evaluate_retrieval(encode_captioned(_encoder("openvino"), sample))
    # among fewer images everything is easier: the card's figures are a floor
    card = encoder_card("semblance-base").quality["flickr8k-dev"]
    for direction, values in figures.items():
        assert values["r@1"] > card[direction]["r@1"]
        assert values["r@10"] > card[direction]["r@10"]


def test_a_photograph_finds_its_own_caption_among_the_demonstrations() -> None:
    import csv

    with (PHOTOGRAPHS.parent / "captions.csv").open(encoding="utf-8") as file:
        rows = list(islice(csv.DictReader(file), 40))
    images = encode_files(_encoder("openvino"), [PHOTOGRAPHS / row["file"] for row in rows])
    texts = _encoder("openvino").encode_texts([row["caption"] for row in rows])
    ranks = (images @ texts.T >= (images * texts).sum(axis=1, keepdims=True)).sum(axis=1)
    assert np.median(ranks) == 1


def test_animals_are_found_by_what_imagenet_calls_them_though_captions_rarely_do() -> None:
    files = sorted(PHOTOGRAPHS.glob("*.jpg"))
    places = {file.stem: row for row, file in enumerate(files)}
    images = encode_files(_encoder("openvino"), files)
    names = _encoder("openvino").encode_texts(list(IMAGENET_ANIMALS.values()))
    ranks = best_ranks(names, images, [[places[photograph]] for photograph in IMAGENET_ANIMALS])
    assert (ranks <= 3).mean() >= 0.75


def test_heat_map_lies_on_what_the_query_names() -> None:
    """In this photograph the horse stands in the lower half, the mountains in the upper one."""
    file = PHOTOGRAPHS / "horse-snowy-mountains.jpg"
    encoder, explainer = _encoder("torch"), InstalledModels().explainer("semblance-base", "grad-cam")
    prepared = encoder.prepare(decode_image(file.read_bytes()).pixels)
    horse, mountains = encoder.encode_texts(["a brown horse", "snowy mountains"])
    rows = np.arange(9)[:, None]
    matches = (toy_match([Term("query", query)], query, prepared) for query in (horse, mountains))
    heats = [explainer.explain(match).heat() for match in matches]
    centres = [(heat * rows).sum() / heat.sum() for heat in heats]
    assert centres[0] > centres[1]
