"""The trunks (theta): wav2vec 2.0 from samples, conformer and CNN-RNN from log-mel features.

May import: network.config, network.packed.
Begin with trunk.py, wav2vec 2.0; conformer.py.
"""
