"""Matchers: pair scorers that re-rank what a dual encoder found, one architecture a file.

An architecture's module has two functions, which the registry calls by the ``architecture`` of a card:

- ``load_matcher(card, folder, *, runtime, device, threads) -> Matcher``
- ``load_feature_head(card, folder) -> nn.Module``: from the feature maps of the card's encoder, a list of
  ``(B, C, h, w)``, to ``(B, *feature_shape)``; it lets the indexer compute features in the encoder's own pass.
"""
