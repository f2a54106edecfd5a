"""Data-free knowledge distillation in JAX: a student learns from a teacher and a generator, without data."""

__version__ = "0.1.0"
