"""Predict how fast ML models run on hardware, and how sure the answer is.

Names are loaded when they are first used: `import perfpredict` alone loads no other library.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from perfpredict._version import __version__

if TYPE_CHECKING:
    from perfpredict.adapters.hardware_adapter import HardwareModelPredictorDuckDBAdapter
    from perfpredict.adapters.hardware_predictor import HardwareModelPredictor
    from perfpredict.adapters.performance_predictor import (
        ModelPerformancePredictor,
        ModelPerformancePredictorDuckDBAdapter,
    )
    from perfpredict.adapters.repository import DuckDBPredictorRepository
    from perfpredict.adapters.workloads import ModelFacts
    from perfpredict.domain.precision import Precision
    from perfpredict.domain.workload import Workload
    from perfpredict.errors import (
        CannotAnswerError,
        InvalidInputError,
        NoDatabaseError,
        PerfpredictError,
        StoreBusyError,
        StoreUnusableError,
        TooFewRowsError,
        UnknownDeviceError,
        UnknownIdError,
        UnknownModelError,
        UntrustedModelError,
    )
    from perfpredict.services.model_source import from_module, from_onnx

__all__ = [
    "CannotAnswerError",
    "DuckDBPredictorRepository",
    "HardwareModelPredictor",
    "HardwareModelPredictorDuckDBAdapter",
    "InvalidInputError",
    "ModelFacts",
    "ModelPerformancePredictor",
    "ModelPerformancePredictorDuckDBAdapter",
    "NoDatabaseError",
    "PerfpredictError",
    "Precision",
    "StoreBusyError",
    "StoreUnusableError",
    "TooFewRowsError",
    "UnknownDeviceError",
    "UnknownIdError",
    "UnknownModelError",
    "UntrustedModelError",
    "Workload",
    "__version__",
    "from_module",
    "from_onnx",
]

_MODULES = {
    "DuckDBPredictorRepository": "perfpredict.adapters.repository",
    "HardwareModelPredictor": "perfpredict.adapters.hardware_predictor",
    "HardwareModelPredictorDuckDBAdapter": "perfpredict.adapters.hardware_adapter",
    "ModelFacts": "perfpredict.adapters.workloads",
    "ModelPerformancePredictor": "perfpredict.adapters.performance_predictor",
    "ModelPerformancePredictorDuckDBAdapter": "perfpredict.adapters.performance_predictor",
    "Precision": "perfpredict.domain.precision",
    "Workload": "perfpredict.domain.workload",
    "from_module": "perfpredict.services.model_source",
    "from_onnx": "perfpredict.services.model_source",
}
"""Name → module, where it is not `perfpredict.errors`."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'perfpredict' has no attribute '{name}'")
    return getattr(import_module(_MODULES.get(name, "perfpredict.errors")), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
