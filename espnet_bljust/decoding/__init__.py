"""From audio to text: the recogniser, searches, long recordings, times of words.

May import: weights, disk, data.audio, data.text, data.kaldi, data.feeding, network, scoring.
Begin with load_model.py and recogniser.py; windows.py for long recordings; prefix_search.py for the search.
"""
