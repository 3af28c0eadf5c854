r"""Fisher vectors of bags of word vectors: the gradient of a text's log-likelihood under a mixture of Gaussians.

F. Perronnin, J. Sánchez, T. Mensink, "Improving the Fisher Kernel for Large-Scale Image Classification", ECCV 2010; of
words B. Klein et al., CVPR 2015. With posteriors :math:`\gamma_t(k)` of T words :math:`x_t` under weights
:math:`w_k`, means :math:`\mu_k` and deviations :math:`\sigma_k`,

.. math::
    G_{\mu_k} = \frac{1}{T \sqrt{w_k}} \sum_t \gamma_t(k) \frac{x_t - \mu_k}{\sigma_k}, \qquad
    G_{\sigma_k} = \frac{1}{T \sqrt{2 w_k}} \sum_t \gamma_t(k)
        \left(\frac{(x_t - \mu_k)^2}{\sigma_k^2} - 1\right)

and then the improved normalisation: signed square roots, and unit length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class DiagonalMixture:
    """K Gaussians in D dimensions with diagonal covariances.

    Attributes:
        weights: ``(K,)``, summing to 1.
        means: ``(K, D)``.
        variances: ``(K, D)``.
    """

    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    variances: NDArray[np.float64]

    def posteriors(self, words: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how likely each of ``(T, D)`` words is of each Gaussian, ``(T, K)``."""
        precisions = 1 / self.variances
        distances = words**2 @ precisions.T - 2 * words @ (self.means * precisions).T
        constants = (self.means**2 * precisions).sum(axis=1) + np.log(self.variances).sum(axis=1)
        logs = np.log(self.weights) - (distances + constants) / 2
        likelihoods = np.exp(logs - logs.max(axis=1, keepdims=True))
        return np.asarray(likelihoods / likelihoods.sum(axis=1, keepdims=True))


def fit_mixture(words: NDArray[np.floating], components: int, seed: int) -> DiagonalMixture:
    """Fit a mixture to ``(T, D)`` words by expectation maximisation."""
    from sklearn.mixture import GaussianMixture

    # scikit-learn's tolerance is of the mean log-likelihood, which hundreds of dimensions make large
    fitted = GaussianMixture(components, covariance_type="diag", reg_covar=1e-4, tol=0.1, random_state=seed).fit(words)
    return DiagonalMixture(fitted.weights_, fitted.means_, fitted.covariances_)


def fisher_vector(words: NDArray[np.floating], mixture: DiagonalMixture) -> NDArray[np.float64]:
    """Return the improved Fisher vector of ``(T, D)`` words, ``(2 K D,)`` of unit length; zero without any word."""
    if not len(words):
        return np.zeros(2 * mixture.means.size)
    x = words.astype(np.float64)
    posteriors = mixture.posteriors(x)
    counts, sums, squares = posteriors.sum(axis=0)[:, None], posteriors.T @ x, posteriors.T @ x**2
    means, variances = mixture.means, mixture.variances
    scale = len(x) * np.sqrt(mixture.weights)[:, None]
    by_means = (sums - counts * means) / np.sqrt(variances) / scale
    spread = (squares - 2 * means * sums + counts * means**2) / variances - counts
    gradient = np.concatenate([by_means.ravel(), (spread / (np.sqrt(2) * scale)).ravel()])
    rooted = np.sign(gradient) * np.sqrt(np.abs(gradient))
    return np.asarray(rooted / max(float(np.linalg.norm(rooted)), 1e-12))
