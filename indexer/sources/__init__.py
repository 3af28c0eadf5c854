"""Where photographs come from: one protocol, one file for each kind of storage."""
