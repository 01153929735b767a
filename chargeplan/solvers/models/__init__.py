"""The location models, one file each, over one covering form."""
