"""A library of toy models; each kind may be replaced by a callable from a name to a model."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from toy_captioner import ToyCaptioner
from toy_encoder import ToyEncoder
from toy_explainer import ToyExplainer
from toy_matcher import ToyMatcher

from models.cards import MatcherCard
from models.errors import ExplainMethodError
from models.load_once import LoadOnce
from models.protocols import Captioner, DualEncoder, Explainer, FeatureSource, Matcher

Explainers = Mapping[str, Callable[[], Any]]
"""What makes an explainer, by the name of its method."""


class ToyLibrary:
    """A real ``ModelLibrary``: what is loaded is loaded once.

    Args:
        encoder: makes an encoder of a name.
        matcher: makes a matcher of a name.
        captioner: makes a captioner of a name.
        explainers: the methods that fit a model of that name; one whose own name begins with "sentence" explains
            nothing else.
    """

    def __init__(
        self,
        encoder: Callable[[str], Any] = ToyEncoder,
        matcher: Callable[[str], Any] = ToyMatcher,
        captioner: Callable[[str], Any] = ToyCaptioner,
        explainers: Callable[[str], Explainers] = lambda _model: {"grad-cam": ToyExplainer},
    ) -> None:
        self._load = {"encoder": encoder, "matcher": matcher, "captioner": captioner}
        self._explainers = explainers
        self._loaded: LoadOnce[tuple[str, str], Any] = LoadOnce()

    def encoder(self, name: str, *, matchers: Sequence[str] = (), in_caller: bool = False) -> DualEncoder:
        return self._get("encoder", name)

    def matcher(self, name: str) -> Matcher:
        return self._get("matcher", name)

    def matcher_card(self, name: str) -> MatcherCard:
        return self.matcher(name).card

    def feature_sources(self, names: Sequence[str]) -> Sequence[FeatureSource]:
        return [self.matcher(name) for name in names]

    def captioner(self, name: str) -> Captioner:
        return self._get("captioner", name)

    def explain_methods(self, model: str, *, sentence: bool = True) -> Sequence[str]:
        methods = self._explainers(model)
        return tuple(name for name in methods if sentence or not name.startswith("sentence"))

    def explainer(self, model: str, method: str) -> Explainer:
        fitting = self._explainers(model)
        if method not in fitting:
            raise ExplainMethodError(method, model, tuple(fitting))
        return self._loaded.get((model, method), fitting[method])

    def _get(self, kind: str, name: str) -> Any:
        return self._loaded.get((kind, name), lambda: self._load[kind](name))
