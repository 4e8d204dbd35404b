"""Samples of training, and batches of them as a pure function of their position, also of a pool too large for memory.

May import: disk, data.audio, data.text, data.kaldi.
Begin with batching.py; samples.py, what is read; shards.py, of a large pool.
"""
