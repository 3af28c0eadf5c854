"""A library of toy models; each kind may be replaced by a callable from a name to a model."""

from collections.abc import Callable, Sequence
from typing import Any

from toy_captioner import ToyCaptioner
from toy_encoder import ToyEncoder
from toy_matcher import ToyMatcher

from models.load_once import LoadOnce
from models.protocols import Captioner, DualEncoder, Explainer, FeatureSource, Matcher


class ToyLibrary:
    """A real ``ModelLibrary``: what is loaded is loaded once."""

    def __init__(
        self,
        encoder: Callable[[str], Any] = ToyEncoder,
        matcher: Callable[[str], Any] = ToyMatcher,
        captioner: Callable[[str], Any] = ToyCaptioner,
        explainer: Callable[[str], Any] | None = None,
    ) -> None:
        self._load = {"encoder": encoder, "matcher": matcher, "captioner": captioner, "explainer": explainer}
        self._loaded: LoadOnce[tuple[str, str], Any] = LoadOnce()

    def encoder(self, name: str, *, matchers: Sequence[str] = ()) -> DualEncoder:
        return self._get("encoder", name)

    def matcher(self, name: str) -> Matcher:
        return self._get("matcher", name)

    def feature_sources(self, names: Sequence[str]) -> Sequence[FeatureSource]:
        return [self.matcher(name) for name in names]

    def captioner(self, name: str) -> Captioner:
        return self._get("captioner", name)

    def explainer(self, model: str) -> Explainer:
        return self._get("explainer", model)

    def _get(self, kind: str, name: str) -> Any:
        load = self._load[kind]
        assert load is not None, f"this test has no {kind}"
        return self._loaded.get((kind, name), lambda: load(name))
