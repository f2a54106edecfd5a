"""Networks on their way out: encodings of them as bytes, each with its own runtime that reads it back."""
