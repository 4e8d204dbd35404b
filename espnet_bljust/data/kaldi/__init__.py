"""Kaldi's data directories: one utterance, its tables, sorted as under LC_ALL=C.

May import: disk, data.audio.
Begin with tables.py; directory.py, data/<set>.
"""
