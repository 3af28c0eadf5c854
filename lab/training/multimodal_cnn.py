"""Packs the m-CNNs that were trained (see ``multimodal_cnn_training``), and their ensemble."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lab.data.captioned import TRAIN_SETS
from lab.evaluation.matched import MatchedSet
from lab.training.frozen import frozen_vectors
from lab.training.job import Job
from lab.training.multimodal_cnn_scores import ScoredPairs
from lab.training.multimodal_cnn_training import Recipe, TrainingPairs, member_of, trained_network
from lab.training.shipped_matcher import kept_scores, ship_matcher
from models.cards import MatcherCard
from models.library import InstalledModels
from models.matchers import ensemble, multimodal_cnn
from models.matchers.multimodal_cnn_module import IMAGE, MERGES, load_network
from models.shipped import matcher_card
from models.text.packed_words import pack_words


def ship(job: Job, recipe: Recipe | None = None) -> MatcherCard:
    """Train the member that the job names and write its folder; by default with the choices of the shipped weights."""
    recipe = recipe or job.recipe(Recipe())
    network, found = trained_network(job, recipe, lambda: TrainingPairs(job, recipe))
    merge = member_of(job)
    card = {
        **found.card(job, recipe),
        "description": f"The m-CNN of Ma et al. 2015 whose image enters at the {merge.name} level: convolutions over a "
        "sentence's words, the image's vector inside every unit of that level, and a perceptron that alone scores. "
        f"Unlike the paper's it is trained first by {recipe.contrast_passes} passes of InfoNCE over the perceptron's "
        f"scores of all pairs of batches of {recipe.batch}, and only then by {recipe.ranking_passes} of the ranking "
        "loss, against the hardest of a batch; its first weights where the two meet already compare them, and the "
        "image's vector is standardised; image features of frozen EfficientNet-Lites in place of a tuned VGG (two "
        "fully connected layers over them are tuned), word2vec of the captions themselves, AdamW, sentences "
        "cut at 24 words, trained on Flickr8k and COCO.",
        "architecture": "multimodal_cnn",
        "options": {"merge": merge.name},
        "feature_shape": [IMAGE],
    }

    def scored(matched: MatchedSet) -> NDArray[np.float32]:
        """What the matcher's own ``score`` gives, faster: of sentences of like length together, without padding."""
        return ScoredPairs(job, matched.data.name).scores(load_network(matched.matcher.card, job.output))

    return ship_matcher(job, network.cpu().state_dict(), card, multimodal_cnn, scored)


@dataclass(frozen=True)
class EnsembleRecipe:
    """Of the ensemble: how many training images its members' spreads are taken of."""

    images: int = 100
    seed: int = 1


def ship_ensemble(job: Job, recipe: EnsembleRecipe | None = None) -> MatcherCard:
    """Weigh the shipped members by how widely their scores spread over training pairs, and write the folder."""
    recipe = recipe or job.recipe(EnsembleRecipe())
    members = [matcher_card(f"mcnn-{merge.name}") for merge in MERGES]
    data = job.load(TRAIN_SETS[0])[0]
    vectors, some = frozen_vectors(job, data)[: recipe.images].astype(np.float32), data.first(recipe.images)
    library, spreads = InstalledModels(), []
    for member in members:
        matched = MatchedSet(library.matcher(member.name), some, library.vector_head(member.name)(vectors))
        spreads.append(float(matched.scores().std()))
    card = {
        **job.card(recipe),
        "description": "The sum of the four m-CNNs' scores (Ma et al. 2015), each divided by its spread over training "
        "pairs; its features are those of its members, and its weights theirs.",
        "architecture": "ensemble",
        "options": {"members": [member.name for member in members]},
        "feature_shape": [len(members), IMAGE],
    }

    def summed(matched: MatchedSet) -> NDArray[np.float32]:
        """What the ensemble's own ``score`` gives, of the scores that the members' trainings have kept."""
        total = np.zeros((len(matched.image_of_caption), matched.image_count), np.float32)
        for number, (member, spread) in enumerate(zip(members, spreads, strict=True)):
            one = MatchedSet(library.matcher(member.name), matched.data, matched.features[:, number])
            total += kept_scores(job, one) / np.float32(spread)
        return total

    return ship_matcher(job, pack_ensemble(members, spreads), card, ensemble, summed)


def pack_ensemble(members: Sequence[MatcherCard], spreads: Sequence[float]) -> dict[str, Tensor]:
    """Return what the file of weights holds."""
    return {
        "spreads": torch.tensor(spreads, dtype=torch.float32),
        "members": pack_words([f"{card.name} {card.weights_sha256}" for card in members]),
    }
