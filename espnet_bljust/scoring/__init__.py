"""Alignments and counts as sclite makes them, tables and figures. No torch.

May import: disk, data.text, data.kaldi.
Begin with alignment.py and counts.py; sclite_result.py, sclite's report.
"""
