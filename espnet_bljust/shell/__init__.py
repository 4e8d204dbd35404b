"""What shell scripts ask of Python: their options, words, and records of what a stage was made from.

May import: disk, data.audio, data.kaldi.
Begin with options.py, read from the script's own lines; stamp.py.
"""
