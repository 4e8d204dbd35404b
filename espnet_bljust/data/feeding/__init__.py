"""Batches of training as a pure function of their position, also of a pool too large for memory.

May import: disk, data.audio, data.text, data.kaldi.
Begin with batching.py; shards.py, of a large pool.
"""
