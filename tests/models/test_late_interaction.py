"""Token-to-region late interaction, against loops."""

import numpy as np
import pytest
import torch

from models.inference.execution import Execution
from models.library import InstalledModels
from models.matchers.late_interaction_module import LateInteraction, interact, pool_regions
from models.shipped import matcher_cards

RANDOM = torch.Generator().manual_seed(0)


def test_each_token_takes_its_best_region_and_its_share() -> None:
    tokens, regions = torch.randn(2, 3, 5, generator=RANDOM), torch.randn(4, 6, 4, generator=RANDOM)
    found = interact(tokens, regions).numpy()
    for sentence in range(2):
        for image in range(4):
            score = 0.0
            for token in tokens[sentence]:
                score += float(token[-1]) * max(float(token[:-1] @ region) for region in regions[image])
            assert found[sentence, image] == pytest.approx(score, rel=1e-5)


def test_padding_has_no_share_and_shares_add_up() -> None:
    heads = LateInteraction().eval()
    states, mask = torch.randn(1, 4, 384, generator=RANDOM), torch.tensor([[1, 1, 1, 0]])
    tokens = heads.text(states, mask)
    assert tokens[0, 3, -1] == 0
    assert tokens[0, :, -1].sum().item() == pytest.approx(1, abs=1e-6)
    torch.testing.assert_close(tokens[..., :-1].norm(dim=2), torch.ones(1, 4))
    torch.testing.assert_close(heads.text(states[:, :3], mask[:, :3]), tokens[:, :3])


def test_regions_are_the_means_of_a_grid_in_rows() -> None:
    maps = [torch.randn(2, 1280, 10, 10, generator=RANDOM), torch.randn(2, 1280, 5, 5, generator=RANDOM)]
    pooled = pool_regions(maps)
    assert pooled.shape == (2, 25, 2560)
    torch.testing.assert_close(pooled[0, 7, :1280], maps[0][0, :, 2:4, 4:6].mean(dim=(1, 2)))  # row 1, column 2
    torch.testing.assert_close(pooled[1, 7, 1280:], maps[1][1, :, 1, 2])


@pytest.mark.skipif(not matcher_cards(), reason="no matcher ships")
def test_the_encoders_own_pass_gives_the_shipped_matchers_features() -> None:
    matcher = InstalledModels(Execution("torch", "auto")).matcher("late-interaction")
    encoder = InstalledModels(Execution("torch", "auto")).encoder("semblance-base", matchers=["late-interaction"])
    pixels = np.random.default_rng(0).integers(0, 255, (2, 260, 260, 3), dtype=np.uint8)
    vectors, features = encoder.encode_images_with_features(pixels)
    np.testing.assert_allclose(features["late-interaction"], matcher.encode_images(pixels), atol=2e-3)
    np.testing.assert_allclose(vectors, encoder.encode_images(pixels), atol=1e-6)
    assert matcher.encode_images(pixels[:0]).shape == (0, 25, 128)
    scores = matcher.score("a dog on the beach", features["late-interaction"])
    assert scores.shape == (2,)
    assert np.abs(scores).max() <= 1.001
    texts = ["a dog on the beach", "grass"]
    for regions in features["late-interaction"]:
        found = matcher.region_scores(texts, regions)
        assert found.shape == (2, *matcher.grid)
        own = [matcher.score(text, regions[None])[0] for text in texts]
        np.testing.assert_allclose(found.sum(axis=(1, 2)), own, atol=1e-5)
