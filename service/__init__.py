"""Answers searches over HTTP from what the indexer published."""
