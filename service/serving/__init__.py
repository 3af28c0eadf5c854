"""What runs between a request and the pure search: encoders, pinned generations, bounded waiting."""
