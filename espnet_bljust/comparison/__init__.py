"""Arms x seeds: descriptions, runs, tables and figures of comparisons.

May import: disk, data.kaldi, scoring, planning.
Begin with description.py; runs.py; outcome.py.
"""
