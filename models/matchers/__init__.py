"""Matchers: pair scorers that re-rank what a dual encoder found.

Each architecture is a file that loads it and, where it has networks of its own, a ``*_module`` of them.

An architecture's module has two functions, which ``models.library`` calls by the ``architecture`` of a card; each takes
a ``MatcherSource``:

- ``load_matcher(source) -> Matcher``
- of a matcher over its encoder's own feature maps: ``load_feature_head(source) -> nn.Module``, from a list of
  ``(B, C, h, w)`` to ``(B, *feature_shape)``; it lets the indexer compute features in the encoder's own pass;
- of a matcher over a frozen backbone, which its card names in ``options`` and ``parts``:
  ``load_vector_head(source) -> VectorHead``, from the backbone's vectors ``(N, C)`` to ``(N, *feature_shape)``; it lets
  the indexer compute the features of all of them in one pass of that backbone.
"""
