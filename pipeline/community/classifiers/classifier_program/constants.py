"""Names and numbers that the classifiers' program shares with those who follow it."""

from __future__ import annotations

DATA_FOLDER = "data"
IMAGES_FILE = "images.npy"
LABELS_FILE = "labels.npy"
SUBSETS_FILE = "subsets.npy"
TRUST_FILE = "trust.npy"
PREVIOUS_FILE = "previous.safetensors"
"""Weights of an earlier classifier in the job's folder, to start from."""
WEIGHTS_FILE = "weights.safetensors"
ONNX_FILE = "model.onnx"
CALIBRATION_FILE = "calibration.json"

TRAIN, VALIDATION, TEST = 0, 1, 2
"""What `subsets.npy` says of an image. The program never looks at the last kind."""
HEAD, LAYERS = "head", "train"
"""Stages: the last layer on features that are computed once, and all or the upper layers."""

INPUT_NAME, PROBABILITIES, FEATURES = "images", "probabilities", "features"
CLASSES_KEY, SIZE_KEY, CONFIDENCE_KEY, KIND_KEY = "classes", "input_size", "min_confidence", "kind"
ARCHITECTURE_KEY, TEMPERATURE_KEY = "architecture", "temperature"
FACTS_KEY = "facts"
"""What a file of weights says of them, as JSON."""
LINEAGE_PREFIX = "outpost_"
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of each channel, that networks trained on ImageNet expect; part of the exported graph."""
