"""Speech on disk, from a corpus to batches; no torch, so that it starts in half a second.

May import: disk.
Begin with data/audio and data/kaldi; the stages are in data/preparation.
"""
