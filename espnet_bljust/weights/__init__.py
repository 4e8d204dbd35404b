"""Files of weights: checkpoints of ours, foreign files, the start and the result of a training.

May import: disk, bilevel, network.
Begin with experiment.py, what an experiment has learned; checkpoint.py.
"""
