"""Turn a machine into one where a deep-learning framework trains on the GPU."""

__version__ = "0.1.0"
