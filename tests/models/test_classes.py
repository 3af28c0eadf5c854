"""The class block: names in, mixtures of names out."""

import numpy as np
import torch

from models.encoders.classes import ClassMixture, NameSpace

RANDOM = torch.Generator().manual_seed(0)


def _spanned(dimension: int = 8) -> tuple[NameSpace, torch.Tensor]:
    names = torch.randn(1000, 16, generator=RANDOM)
    space = NameSpace(16, dimension)
    space.span(names)
    return space, names


def test_the_space_keeps_the_directions_in_which_names_differ_most() -> None:
    space, names = _spanned()
    unit = (names / names.norm(dim=1, keepdim=True)).numpy()
    centred = unit - unit.mean(axis=0)
    kept = (centred @ space.basis.numpy()).var(axis=0).sum()
    eigenvalues = np.sort(np.linalg.eigvalsh(np.cov(centred.T, bias=True)))[::-1]
    np.testing.assert_allclose(kept, eigenvalues[:8].sum(), rtol=1e-4)
    np.testing.assert_allclose(space.basis.T @ space.basis, np.eye(8), atol=1e-5)


def test_a_name_is_nearest_to_itself_however_long_its_vector() -> None:
    space, names = _spanned(16)
    vectors = space(names)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(1000))
    again = space(3 * names[:20])
    assert (again @ vectors.T).argmax(dim=1).tolist() == list(range(20))


def test_a_photograph_is_the_weighted_mean_of_its_ten_likeliest_names() -> None:
    mixture = ClassMixture(6, 8)
    mixture.names.copy_(torch.nn.functional.normalize(torch.randn(1000, 8, generator=RANDOM), dim=1))
    features = torch.randn(3, 6, generator=RANDOM)
    with torch.no_grad():
        found = mixture(features).numpy()
        logits = mixture.classifier(features).numpy().astype(np.float64)
    for row, vector in zip(logits, found, strict=True):
        probabilities = np.exp(row) / np.exp(row).sum()
        best = np.argsort(-probabilities)[:10]
        mean = sum(probabilities[b] * mixture.names[b].numpy() for b in best)
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-4)
