"""Stages 2, 3, 4 and 6: speeds, one form of audio, what is trained on, the report.

May import: disk, data.audio, data.text, data.kaldi.
Begin with format.py, stage 3; filter.py, stage 4.
"""
