"""Commands: each unpacks its options and calls a room. `bljust <command>` or python -m espnet_bljust.bin.<command>.

May import: all rooms.
Begin with train.py, stages 8 to 10; recognise.py.
"""
