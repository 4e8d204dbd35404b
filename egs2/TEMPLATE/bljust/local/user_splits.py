"""A user's own sets: the names of folders, tables and values that mean train, dev or test."""

SPLITS = {"train": "train", "training": "train", "dev": "dev", "valid": "dev", "validation": "dev", "val": "dev",
          "test": "test", "eval": "test"}  # fmt: skip
