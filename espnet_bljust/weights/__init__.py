"""Files of weights: checkpoints of ours, foreign files, the start and the result of a training.

May import: disk, bilevel, network.
Begin with own_files.py, the settings and the weights of a network; checkpoint.py.
"""
