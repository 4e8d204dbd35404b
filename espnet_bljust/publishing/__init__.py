"""What leaves the house: packs, exports, model cards, the hub.

May import: shell, scoring, weights, training, planning, espnet, disk, data.text, network.
Begin with pack.py, what stock ESPnet loads; export.py.
"""
