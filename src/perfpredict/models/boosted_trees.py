"""Trees in LightGBM's text format, evaluated through the C interface of its library.

LightGBM's own Python package does the same after half a second of imports (SciPy, joblib), which
only fitting needs. The answers are those of its `Booster`, bit for bit.
"""

import ctypes
import importlib
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any  # ctypes finds the library's functions by name

import numpy as np
from numpy.typing import NDArray

from perfpredict.errors import StoreUnusableError

Floats = NDArray[np.float64]

_PLACES = (
    "lib/lib_lightgbm.so", "lib/lib_lightgbm.dylib", "bin/lib_lightgbm.dll", "lib/lib_lightgbm.dll",
)  # fmt: skip
"""Where wheels have the library, inside the package."""
# of LightGBM's c_api.h
_FLOAT64, _ROW_MAJOR, _NORMAL, _ALL_TREES, _GAIN = 1, 1, 0, -1, 1
_ONE_THREAD = b"num_threads=1"


class BoostedTrees:
    """Loaded trees; only text that is known to be whole may get here, other text may crash."""

    def __init__(self, text: str) -> None:
        self._handle, rounds = ctypes.c_void_p(), ctypes.c_int()
        _checked(
            _library().LGBM_BoosterLoadModelFromString(
                text.encode(), ctypes.byref(rounds), ctypes.byref(self._handle)
            )
        )
        count = ctypes.c_int()
        _checked(_library().LGBM_BoosterGetNumFeature(self._handle, ctypes.byref(count)))
        self.feature_count = count.value

    def __del__(self) -> None:
        if self._handle.value is not None:
            _library().LGBM_BoosterFree(self._handle)

    def predict(self, matrix: Floats) -> Floats:
        """Return one answer a row of `matrix`, shape (rows, features), on one thread."""
        rows = np.ascontiguousarray(matrix, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != self.feature_count:
            raise ValueError(f"expected (rows, {self.feature_count}), got {rows.shape}")
        answers, written = np.empty(len(rows)), ctypes.c_int64()
        if len(rows):
            _checked(
                _library().LGBM_BoosterPredictForMat(
                    self._handle, rows.ctypes.data_as(ctypes.c_void_p), _FLOAT64,
                    ctypes.c_int32(rows.shape[0]), ctypes.c_int32(rows.shape[1]), _ROW_MAJOR,
                    _NORMAL, 0, _ALL_TREES, _ONE_THREAD, ctypes.byref(written),
                    answers.ctypes.data_as(ctypes.c_void_p),
                )
            )  # fmt: skip
            assert written.value == len(rows), "trees of one class give one answer a row"
        return answers

    def gain(self) -> Floats:
        """Return what the splits on each feature gained in training."""
        found = np.zeros(self.feature_count)
        _checked(
            _library().LGBM_BoosterFeatureImportance(
                self._handle, _ALL_TREES, _GAIN, found.ctypes.data_as(ctypes.c_void_p)
            )
        )
        return found


@cache
def _library() -> Any:
    """Return LightGBM's library, loaded without its Python package where that is a wheel."""
    spec = importlib.util.find_spec("lightgbm")
    folders = [] if spec is None else list(spec.submodule_search_locations or ())
    paths = [Path(folder) / place for folder in folders for place in _PLACES]
    found = next((path for path in paths if path.is_file()), None)
    if found is None:  # another packaging: its own code knows
        library = importlib.import_module("lightgbm.basic")._LIB
    else:
        library = ctypes.CDLL(str(found))
        library.LGBM_GetLastError.restype = ctypes.c_char_p
    return library


def _checked(code: int) -> None:
    if code != 0:
        said = _library().LGBM_GetLastError().decode(errors="replace")
        raise StoreUnusableError(f"LightGBM cannot use the stored trees: {said}")
