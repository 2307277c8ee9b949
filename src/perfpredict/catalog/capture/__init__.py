"""Operation profiles of models that the catalog does not have: torch modules and ONNX files.

Neither torch nor onnx is imported before a module or a file is at hand, and what reads them not
before somebody asks.
"""
