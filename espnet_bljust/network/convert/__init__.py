"""Our parameters under the names of other libraries, and back: state dicts and plain settings, no files.

May import: network.
Begin with name_table.py, one to one between two spellings; fit.py, whether weights fit.
"""
