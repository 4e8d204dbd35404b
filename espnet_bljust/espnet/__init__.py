"""The seam to ESPnet2: task, trainer, model, iterator. The only room that imports espnet2; it holds no formula.

May import: bilevel, weights, training, scoring, disk, data, network.
Begin with task.py, what ESPnet calls; trainer.py, the loop.
"""
