"""Our parameters under the names of other libraries, and back: state dicts and plain settings, no files."""
