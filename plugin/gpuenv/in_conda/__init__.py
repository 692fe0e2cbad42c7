"""gpuenv inside conda: what the hooks of `conda_plugin.py` do. Only these modules import conda."""
