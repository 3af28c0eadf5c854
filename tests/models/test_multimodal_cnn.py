"""The m-CNNs, against the paper's equations in plain loops, one pair and one place at a time."""

import numpy as np
import pytest
import torch

from models.matchers.multimodal_cnn_module import (
    HIDDEN,
    IMAGE,
    MAX_WORDS,
    MERGES,
    WIDTHS,
    ImageSentenceCnn,
    Merge,
    MultimodalCnn,
    halved,
    lay_out,
    pool,
    start_paired,
    windows,
)

LENGTHS = (1, 4, 7, 11)


@pytest.fixture(params=MERGES, ids=lambda merge: merge.name)
def network(request: pytest.FixtureRequest) -> MultimodalCnn:
    torch.manual_seed(1)
    network = MultimodalCnn(request.param, vocabulary=30, dimension=6).eval()
    for layer in (*network.convolutions, network.hidden):  # so that ReLU and the gate act
        torch.nn.init.normal_(layer.bias, std=0.5)
    return network


def drawn(lengths: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return sentences of these lengths."""
    random = torch.Generator().manual_seed(2)
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    return torch.randint(1, 30, mask.shape, generator=random) * mask, mask


def score_by_loops(network: MultimodalCnn, numbers: np.ndarray, image: np.ndarray) -> float:
    """Score one sentence of real words with one image: every place of the longest sentence, the image at each."""
    layers = {name: value.numpy() for name, value in network.state_dict().items()}
    rows = np.zeros((MAX_WORDS, 6))
    rows[: len(numbers)] = layers["words.weight"][numbers]
    seen = layers["image.weight"] @ ((image - image.mean()) / np.sqrt(image.var() + 1e-5))
    for layer, width in enumerate(WIDTHS):
        weight, bias = layers[f"convolutions.{layer}.weight"], layers[f"convolutions.{layer}.bias"]
        behind = np.vstack([rows, np.zeros((2, rows.shape[1]))])
        maps = np.zeros((len(rows), width))
        for place in range(len(rows)):
            window = behind[place : place + 3].reshape(-1)
            if not window.any():
                continue  # the gate
            value = weight @ window + bias + (seen if network.merge.layer == layer else 0)
            maps[place] = np.maximum(value, 0)
        rows = np.array([np.maximum(maps[place], maps[place + 1]) for place in range(0, len(maps), 2)])
    hidden = layers["hidden.weight"] @ rows.reshape(-1) + layers["hidden.bias"]
    hidden = np.maximum(hidden + (seen if network.merge.layer == 3 else 0), 0)
    return float((layers["output.weight"] @ hidden + layers["output.bias"])[0])


def test_every_pair_scores_as_by_loops(network: MultimodalCnn) -> None:
    numbers, mask = drawn(LENGTHS)
    images = torch.randn(3, IMAGE, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        found = network(numbers, mask, images)
    assert found.shape == (4, 3)
    for sentence, length in enumerate(LENGTHS):
        for image in range(3):
            pair = numbers[sentence, :length].numpy(), images[image].numpy()
            assert found[sentence, image].item() == pytest.approx(score_by_loops(network, *pair), abs=1e-3)


def test_each_sentence_may_have_images_of_its_own(network: MultimodalCnn) -> None:
    numbers, mask = drawn(LENGTHS)
    images = torch.randn(len(LENGTHS), 3, IMAGE, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        together = network(numbers, mask, images)
        apart = [network(numbers, mask, own)[row] for row, own in enumerate(images)]
    torch.testing.assert_close(together, torch.stack(apart), atol=1e-5, rtol=1e-4)


def test_the_image_changes_what_the_units_of_its_level_find(network: MultimodalCnn) -> None:
    numbers, mask = drawn(LENGTHS)
    images = torch.randn(2, IMAGE, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        first, second = network(numbers, mask, images).T
        # not by a term of the image's own: the same image is worth another difference to another sentence
        assert (first - second).std() > 0.01
        network.image.weight.zero_()  # no other way leads from the image to the scores
        blind = network(numbers, mask, images)
    assert torch.equal(blind[:, 0], blind[:, 1])
    assert not torch.equal(blind[0], blind[1])


def test_the_perceptron_alone_scores(network: MultimodalCnn) -> None:
    with torch.inference_mode():
        network.output.weight.zero_()
        scores = network(*drawn(LENGTHS), torch.randn(3, IMAGE))
    assert torch.equal(scores, network.output.bias.expand_as(scores))


def test_the_scale_of_an_image_does_not_count(network: MultimodalCnn) -> None:
    images = torch.randn(2, IMAGE)
    with torch.inference_mode():
        torch.testing.assert_close(network(*drawn(LENGTHS), images), network(*drawn(LENGTHS), 9 * images + 2))


def test_padding_changes_nothing(network: MultimodalCnn) -> None:
    numbers, mask = drawn(LENGTHS)
    images = torch.randn(2, IMAGE)
    with torch.inference_mode():
        together = network(numbers, mask, images)
        for row, length in enumerate(LENGTHS):
            alone = network(numbers[row : row + 1, :length], mask[row : row + 1, :length], images)
            torch.testing.assert_close(alone[0], together[row], atol=1e-5, rtol=1e-5)


def test_gradients_are_finite_where_sentences_are_short(network: MultimodalCnn) -> None:
    network.train()
    network(*drawn((1, 12)), torch.randn(2, IMAGE)).sum().backward()
    assert all(
        bool(parameter.grad.isfinite().all()) for parameter in network.parameters() if parameter.grad is not None
    )
    assert (network.words.weight.grad[0] == 0).all()


def test_the_first_weights_compare_sentence_and_image() -> None:
    sentence, image, behind = torch.nn.Linear(5, 8), torch.nn.Linear(4, 8, bias=False), torch.nn.Linear(8, 3)
    torch.nn.init.zeros_(sentence.bias)
    start_paired(sentence, image, behind)
    words, picture = torch.randn(5), torch.randn(4)
    with torch.inference_mode():
        found = behind(torch.relu(sentence(words) + image(picture))) - behind.bias
        expected = torch.zeros(3)
        for four in (0, 4):
            x, y = sentence.weight[four] @ words, image.weight[four] @ picture
            expected += behind.weight[:, four] * (abs(x + y) - abs(x - y))
    torch.testing.assert_close(found, expected)


def test_a_window_is_a_place_and_the_two_after_it() -> None:
    found = windows(torch.tensor([[[1.0], [2.0], [3.0]]]))
    assert found.tolist() == [[[1, 2, 3], [2, 3, 0], [3, 0, 0]]]


def test_the_larger_of_each_two_places_stays() -> None:
    pooled, left = halved(torch.tensor([[[3.0], [1.0], [2.0]]]), torch.tensor([[True, True, True]]))
    assert pooled[0, :, 0].tolist() == [3, 2]
    assert left.tolist() == [[True, True]]


def test_pooling_takes_the_larger_of_the_real_ones() -> None:
    x, real = torch.tensor([[[-3.0], [-1.0], [-2.0], [9.0], [9.0]]]), torch.tensor([[True, True, True, False, False]])
    pooled, left = pool(x, real)
    assert pooled[0, :, 0].tolist() == [-1, -2, 0]
    assert left.tolist() == [[True, True, False]]


def test_a_short_sentence_is_laid_out_like_the_longest() -> None:
    flat = lay_out(torch.ones(2, 1, WIDTHS[-1]))
    assert flat.shape == (2, MAX_WORDS // 8 * WIDTHS[-1])
    assert flat.sum().item() == 2 * WIDTHS[-1]


def test_a_member_fits_its_share_of_what_may_ship() -> None:
    for merge in MERGES:
        parameters = sum(p.numel() for p in ImageSentenceCnn(merge, vocabulary=3742).parameters())
        assert parameters < 3.5e6  # a byte each
    assert MultimodalCnn(Merge("sentence", 3), 5, 4).image.out_features == HIDDEN
