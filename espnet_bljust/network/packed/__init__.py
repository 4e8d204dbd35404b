"""Arithmetic of packed rows: the frames of all utterances one behind the other, no padding computed.

May import: nothing.
Begin with packing.py, what a packed batch is.
"""
