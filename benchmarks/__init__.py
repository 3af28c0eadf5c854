"""Measurements as programs: each writes a CSV under ``results/`` that names its command, machine and versions."""
