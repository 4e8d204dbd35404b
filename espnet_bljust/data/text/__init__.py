"""Transcripts and tokens: rules of languages, tokenizers, n-gram models.

May import: disk.
Begin with tokens.py, text to ids and back; normalise.py, what is spoken.
"""
