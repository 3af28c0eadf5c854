"""Decodes, resizes and paints pixels; the only place that touches Pillow."""
