"""The catalog: which image or caption a row is, where its files are, what is known of it; imports no torch."""
