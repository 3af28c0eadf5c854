"""One page, in one file, of everything measured of a model on a captioned set."""
