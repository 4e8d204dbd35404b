"""From a corpus as it lies on a disk to data/<set>: layouts, sets, what recipes share.

May import: disk, data.audio, data.text, data.kaldi.
Begin with gather.py and assemble.py, a corpus without sets.
"""
