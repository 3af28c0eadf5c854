"""Turns pixels and words into vectors, scores and explanations; knows nothing of HTTP, SQL or FAISS."""
