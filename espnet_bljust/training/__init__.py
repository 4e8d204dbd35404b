"""One training: the update over micro-batches and processes, validation, health, history, saving, stopping.

May import: bilevel, weights, decoding, scoring, disk, data, network.
Begin with update.py, the real step; validation.py.
"""
