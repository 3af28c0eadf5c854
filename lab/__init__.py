"""The laboratory: trains and measures models. May use the product; the product never imports it."""
