"""Files and folders that exist whole or not at all: writing, sorting, archives, downloads, locks, YAML.

May import: nothing.
Begin with files.py, how everything here is written.
"""
