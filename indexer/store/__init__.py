"""Vector stores, generations and what makes writing them safe; imports no torch."""
