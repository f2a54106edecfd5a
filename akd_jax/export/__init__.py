"""Networks on their way out: encodings of them as bytes, each with its own runtime that reads it back.

Here are names alone: a command line knows them before it imports what knows the formats, which takes seconds.
"""

FORMAT_NAMES = PYTORCH, SAFETENSORS, STABLEHLO, ONNX = "pytorch", "safetensors", "stablehlo", "onnx"
WEIGHTS_ONLY = (PYTORCH, SAFETENSORS)  # whoever loads them builds the network, and resizes its images

# The files of a model's directory, which goes with SAFETENSORS.
DIRECTORY = WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
