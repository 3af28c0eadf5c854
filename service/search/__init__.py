"""Search itself: grammar, composition, ranking, explanation. Pure: no web framework here."""
