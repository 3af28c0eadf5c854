"""The methods of explanation by name: what each fits, and the module that builds it. Loads no torch.

A method is one module and one line of ``METHODS``. Its module has ``load_explainer(source) -> Explainer``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Method:
    """A way to explain a score.

    Attributes:
        name: as requests give it.
        module: that has its ``load_explainer``.
        architectures: of the encoders that it fits, as their cards name them.
        matcher: whose score of the query's sentence it explains; None where it is the encoder's.
    """

    name: str
    module: str
    architectures: frozenset[str]
    matcher: str | None = None


_EVERY = frozenset({"huggingface", "limited_text_space", "linear_mapping", "semantic", "single_network", "two_tower"})
_TRANSFORMERS = frozenset({"huggingface"})

METHODS = (
    Method("places", "models.explain.place_evidence", frozenset({"two_tower"})),
    Method("grad-cam", "models.explain.grad_cam", _EVERY),
    Method("legrad", "models.explain.legrad", _TRANSFORMERS),
    Method("roll-out", "models.explain.roll_out", _TRANSFORMERS),
    Method("top-dimensions", "models.explain.top_dimensions", _EVERY),
    Method("excitation", "models.explain.excitation", frozenset({"two_tower"}), matcher="lstm-similarity"),
    Method("occlusion", "models.explain.occlusion", _EVERY),
)
"""The one to prefer first: of those that fit a model, it is the default."""


def fitting_methods(
    architecture: str, methods: Sequence[Method] = METHODS, *, sentence: bool = True
) -> tuple[str, ...]:
    """Return the names of the methods that fit encoders of an architecture, in the order of the table.

    Args:
        architecture: of the encoder.
        methods: that there are.
        sentence: whether the query begins with one: matchers score nothing else.
    """
    fitting = (method for method in methods if architecture in method.architectures)
    return tuple(method.name for method in fitting if sentence or method.matcher is None)
