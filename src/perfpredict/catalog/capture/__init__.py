"""Operation profiles of models that the catalog does not have: torch modules and ONNX files.

Neither torch nor onnx is imported before a module or a file is at hand.
"""

from perfpredict.catalog.capture.captured import CapturedModel, profile_captured
from perfpredict.catalog.capture.module import capture_module
from perfpredict.catalog.capture.onnx_model import capture_onnx

__all__ = ["CapturedModel", "capture_module", "capture_onnx", "profile_captured"]
