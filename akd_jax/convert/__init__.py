"""Conversion of PyTorch checkpoints to JAX parameters."""
