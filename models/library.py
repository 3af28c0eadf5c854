"""The models by name: what ships, and ``hf:`` checkpoints; each is loaded when it is first asked for, and once.

The only file that imports modules by name: that of an architecture by a card, that of a method by ``METHODS``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.calibration import calibration_file, read_calibrations
from models.cards import CaptionerCard, EncoderCard, MatcherCard, ModelCard
from models.encoders.compiled import CompiledDualEncoder
from models.errors import ExplainMethodError
from models.explain.blocks import BLOCKS
from models.explain.methods import METHODS, Method, fitting_methods
from models.inference.compiler import Compiler
from models.inference.execution import Execution
from models.load_ahead import load_ahead
from models.load_once import LoadOnce
from models.names import HUGGING_FACE
from models.protocols import Captioner, DualEncoder, Explainer, FeatureNetwork, FeatureSource, Matcher
from models.shipped import captioner_card, encoder_card, matcher_card, weights_folder

if TYPE_CHECKING:
    from models.explain.source import ExplainableTower, ExplainerSource
    from models.matchers.source import VectorHead

_PACKAGES: dict[type[ModelCard], str] = {
    EncoderCard: "encoders",
    MatcherCard: "matchers",
    CaptionerCard: "captioning",
}


class InstalledModels:
    """The ``ModelLibrary`` of the models that ship and of ``hf:`` checkpoints.

    Args:
        execution: how they run; the device ``auto`` takes a GPU where there is one.
        cache: folder of models converted for OpenVINO; None keeps none.
        methods: by which scores can be explained.
        data_dir: where the calibrations are that were fitted here, for models that ship without one.
    """

    def __init__(
        self,
        execution: Execution = Execution(device="auto"),  # noqa: B008 - it is immutable
        cache: Path | None = None,
        methods: Sequence[Method] = METHODS,
        data_dir: Path | None = None,
    ) -> None:
        self._execution, self._cache, self._methods, self._data_dir = execution, cache, methods, data_dir
        self._encoders: LoadOnce[tuple[str, tuple[str, ...], bool], DualEncoder] = LoadOnce()
        self._matchers: LoadOnce[str, Matcher] = LoadOnce()
        self._networks: LoadOnce[tuple[str, ...], FeatureNetwork] = LoadOnce()
        self._captioners: LoadOnce[str, Captioner] = LoadOnce()
        self._explainers: LoadOnce[tuple[str, str], Explainer] = LoadOnce()

    def encoder(self, name: str, *, matchers: Sequence[str] = (), in_caller: bool = False) -> DualEncoder:
        """See ``ModelLibrary``; what torch runs, and checkpoints, which may be large, are loaded once all the same."""
        own = tuple(
            card.name for card in map(matcher_card, dict.fromkeys(matchers)) if card.encoder == name and not card.parts
        )
        apart = in_caller and self.runs_in_caller(name)
        return self._encoders.get((name, own, apart), lambda: self._load_calibrated(name, own, apart))

    def runs_in_caller(self, name: str) -> bool:
        """Tell whether an encoder can run in the thread that calls it, by weights that are loaded for that."""
        return self._compiler.by_openvino and not name.startswith(HUGGING_FACE)

    def matcher(self, name: str) -> Matcher:
        """See ``ModelLibrary``."""
        return self._matchers.get(name, lambda: self._load_matcher(name))

    def matcher_card(self, name: str) -> MatcherCard:
        """See ``ModelLibrary``."""
        return matcher_card(name)

    def feature_sources(self, names: Sequence[str]) -> Sequence[FeatureSource]:
        """See ``ModelLibrary``."""
        from models.matchers.frozen_pass import backbone_of

        by_backbone: dict[tuple[str, str], list[MatcherCard]] = {}
        alone: list[Matcher] = []
        for card in map(matcher_card, names):
            if card.parts:
                by_backbone.setdefault(backbone_of(card), []).append(card)
            else:
                alone.append(self.matcher(card.name))
        return [*alone, *map(self._frozen_pass, by_backbone.values())]

    def captioner(self, name: str) -> Captioner:
        """See ``ModelLibrary``."""
        return self._captioners.get(name, lambda: self._load_captioner(name))

    def explain_methods(self, model: str, *, sentence: bool = True) -> Sequence[str]:
        """See ``ModelLibrary``."""
        architecture = "huggingface" if model.startswith(HUGGING_FACE) else encoder_card(model).architecture
        return fitting_methods(architecture, self._methods, sentence=sentence)

    def explainer(self, model: str, method: str) -> Explainer:
        """See ``ModelLibrary``."""
        fitting = self.explain_methods(model)
        if method not in fitting:
            raise ExplainMethodError(method, model, fitting)
        return self._explainers.get((model, method), lambda: self._load_explainer(model, method))

    def explain_module(self, method: str) -> str:
        """Return the module that builds a method.

        Raises:
            KeyError: no method of that name.
        """
        return {known.name: known.module for known in self._methods}[method]

    def explained_matcher(self, method: str) -> str | None:
        """Return the matcher whose scores a method explains, None where they are the encoder's; raises likewise."""
        return {known.name: known.matcher for known in self._methods}[method]

    def explainer_source(self, model: str) -> ExplainerSource:
        """Return what methods of explanation of a dual encoder are built from."""
        from models.explain.source import ExplainerSource

        blocks = () if model.startswith(HUGGING_FACE) else BLOCKS.get(encoder_card(model).architecture, ())
        return ExplainerSource(model, self._compiler.in_caller(), self, lambda: self._load_image_tower(model), blocks)

    def vector_head(self, name: str) -> VectorHead:
        """Return what makes a matcher's features of a frozen backbone's vectors; raises as ``matcher``."""
        source = self._matcher_source(matcher_card(name))
        head: VectorHead = _architecture(source.card).load_vector_head(source)
        return head

    @cached_property
    def _compiler(self) -> Compiler:
        """What compiles for them; a device or runtime that is not there is an error of the model that needs it."""
        return Compiler(self._execution, self._cache)

    def _load_calibrated(self, name: str, matchers: Sequence[str], apart: bool) -> DualEncoder:
        compiler = self._compiler.in_caller() if apart else self._compiler
        encoder = self._calibrated(self._load_encoder(name, matchers, compiler))
        if apart:  # its text tower loads beside what it is needed for
            load_ahead(lambda: encoder.encode_texts(["warm-up"]))
        return encoder

    def _load_encoder(self, name: str, matchers: Sequence[str], compiler: Compiler) -> DualEncoder:
        if name.startswith(HUGGING_FACE):
            from models.encoders.huggingface import load_huggingface_encoder

            return load_huggingface_encoder(name, compiler)
        card = encoder_card(name)
        options: dict[str, Any] = {}
        if matchers:  # of encoders that can give features; the others' loaders take no such argument
            cards = [matcher_card(matcher) for matcher in matchers]
            options["feature_heads"] = [
                (matcher, partial(_architecture(matcher).load_feature_head, self._matcher_source(matcher)))
                for matcher in cards
            ]
        encoder: DualEncoder = _architecture(card).load_encoder(card, weights_folder(name), compiler, **options)
        return encoder

    def _calibrated(self, encoder: DualEncoder) -> DualEncoder:
        """Give an encoder the calibrations that were fitted to it here, where it ships without any."""
        card = encoder.card
        if self._data_dir is not None and card.calibrations is None and isinstance(encoder, CompiledDualEncoder):
            file = calibration_file(self._data_dir, card.name)
            encoder.card = replace(card, calibrations=read_calibrations(file, card.weights_sha256))
        return encoder

    def _load_matcher(self, name: str) -> Matcher:
        source = self._matcher_source(matcher_card(name))
        matcher: Matcher = _architecture(source.card).load_matcher(source)
        return matcher

    def _frozen_pass(self, cards: Sequence[MatcherCard]) -> FeatureNetwork:
        from models.matchers.frozen_pass import load_frozen_pass

        return self._networks.get(
            tuple(card.name for card in cards),
            lambda: load_frozen_pass([(card, self.vector_head(card.name)) for card in cards], self._compiler),
        )

    def _load_captioner(self, name: str) -> Captioner:
        card = captioner_card(name)
        captioner: Captioner = _architecture(card).load_captioner(card, weights_folder(name), self._compiler)
        return captioner

    def _load_explainer(self, model: str, method: str) -> Explainer:
        module = import_module(self.explain_module(method))
        explainer: Explainer = module.load_explainer(self.explainer_source(model))
        return explainer

    def _load_image_tower(self, model: str) -> ExplainableTower:
        if model.startswith(HUGGING_FACE):
            from models.encoders.huggingface_module import load_huggingface_image_tower

            return load_huggingface_image_tower(model)
        card = encoder_card(model)
        tower: ExplainableTower = _architecture(card).load_image_tower(card, weights_folder(model))
        return tower

    def _matcher_source(self, card: MatcherCard) -> Any:
        from models.matchers.source import MatcherSource

        return MatcherSource(card, weights_folder(card.name), self._compiler, self)


def _architecture(card: ModelCard) -> Any:
    """Return the module that loads a model."""
    return import_module(f"models.{_PACKAGES[type(card)]}.{card.architecture}")
