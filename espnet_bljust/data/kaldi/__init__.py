"""Kaldi's data directories: one utterance, its tables, sorted as under LC_ALL=C.

May import: disk, data.audio.
Begin with utterance.py; sorted_tables.py, its reader and its writer; directory.py, data/<set>.
"""
