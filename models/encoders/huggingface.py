"""CLIP, SigLIP and SigLIP2 checkpoints as dual encoders: once converted, served without torch and transformers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from models.cards import Preprocessing
from models.encoders.compiled import CompiledDualEncoder
from models.encoders.huggingface_description import Description
from models.errors import CheckpointError
from models.files import file_sha256
from models.imaging.patches import cut_patches
from models.inference.compiler import Compiler
from models.inference.graph import Graph
from models.inference.runner import Runner
from models.names import HUGGING_FACE
from models.text.by_length import ByLength
from models.text.tokeniser import words_before_cut

_FORM = "1"
"""Of a description that is kept; another number makes all of them anew."""
_READ = frozenset({".json", ".txt", ".model", ".safetensors"})
"""Suffixes of the files that a checkpoint is read from."""


def load_huggingface_encoder(name: str, compiler: Compiler) -> CompiledDualEncoder:
    """Load ``hf:<name or folder>``.

    Raises:
        CheckpointError: not there, not CLIP, SigLIP or SigLIP2, or without safetensors weights.
    """

    @cache
    def checkpoint() -> Any:
        from models.encoders.huggingface_module import load_checkpoint

        return load_checkpoint(name)

    def describe() -> bytes:
        from models.encoders import huggingface_module

        return huggingface_module.describe(checkpoint()).to_json()

    def image() -> Graph:
        from models.encoders.huggingface_module import image_graph

        return image_graph(checkpoint().model, described)

    def text() -> Graph:
        from models.encoders.huggingface_module import text_graph

        return text_graph(checkpoint().model, described)

    files = _files(name.removeprefix(HUGGING_FACE))
    described = Description.from_json(compiler.kept("hf-checkpoint", files, describe) if files else describe())
    stem = f"hf-{described.weights_sha256[:16]}"
    made_of = (described.weights_sha256, described.preprocessing.digest)

    def image_tower() -> Runner:
        network = compiler.runner(f"{stem}.image", made_of, image)
        return network if described.grid is None else _Patches(network, described.preprocessing, described.grid)

    def text_tower() -> Runner:
        network = compiler.runner(f"{stem}.text", made_of, text, of_texts=True)
        return ByLength(network, described.dimension, described.longest) if described.pads_to_longest else network

    tokenise = _by_transformers(name, described) if described.tokeniser is None else _Tokenise(described.tokeniser)
    return CompiledDualEncoder(
        described.card(name),
        image_tower,
        text_tower,
        tokenise,
        words_read=tokenise.words_read if isinstance(tokenise, _Tokenise) else lambda _text: None,
    )


class _Patches:
    """A ``Runner`` of squares ``(B, S, S, 3)`` that hands on the patches of the pictures in them."""

    def __init__(self, network: Runner, shape: Preprocessing, grid: int) -> None:
        assert shape.patch and shape.max_patches  # noqa: S101 - of this form
        self._network, self._cut = network, (shape.patch, shape.max_patches, grid)

    def __call__(self, *inputs: NDArray[Any]) -> NDArray[np.float32]:
        """Run one batch."""
        return self._network(*cut_patches(inputs[0], *self._cut))


def _files(source: str) -> tuple[str, ...]:
    """Return the hashes of a checkpoint's files, none where they are not on this machine yet."""
    folder = Path(source)
    if not folder.is_dir():
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

        try:
            folder = Path(snapshot_download(source, local_files_only=True))
        except (HFValidationError, LocalEntryNotFoundError):
            return ()
    try:
        files = sorted(file for file in folder.iterdir() if file.suffix in _READ)
        hashes = [f"{file.name} {file_sha256(file)}" for file in files]
    except OSError as error:
        raise CheckpointError(f"cannot read {source!r}: {error.strerror}") from error
    return (_FORM, version("transformers"), *hashes)


class _Tokenise:
    """Makes ids and mask ``(N, T)`` of sentences, by a serialised tokeniser that truncates and pads."""

    def __init__(self, serialised: str) -> None:
        self._tokenizer = Tokenizer.from_str(serialised)

    def __call__(self, texts: Sequence[str]) -> tuple[NDArray[Any], ...]:
        encodings = self._tokenizer.encode_batch(list(texts))
        return tuple(np.array([getattr(e, part) for e in encodings], np.int64) for part in ("ids", "attention_mask"))

    def words_read(self, text: str) -> int | None:
        """See ``DualEncoder``."""
        return words_before_cut(self._tokenizer, text)


def _by_transformers(name: str, described: Description) -> Callable[[Sequence[str]], tuple[NDArray[Any], ...]]:
    @cache
    def tokenizer() -> Any:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(name.removeprefix(HUGGING_FACE), trust_remote_code=False)

    def tokenise(texts: Sequence[str]) -> tuple[NDArray[Any], ...]:
        encoded = tokenizer()(
            list(texts),
            padding="longest" if described.pads_to_longest else "max_length",
            truncation=True,
            max_length=described.longest,
            return_tensors="np",
            return_attention_mask=True,
        )
        return encoded["input_ids"].astype(np.int64), encoded["attention_mask"].astype(np.int64)

    return tokenise
