"""What a training step keeps beside the weights: gradients, optimizer state, activations."""

from perfpredict.domain.workload import Workload
from perfpredict.models.memory_ops import op_facts
from perfpredict.models.predictor import Case

MOMENT_BYTES = 8.0
"""Two fp32 moments per weight (Adam)."""
MASTER_BYTES = 4.0
"""fp32 master copy of weights kept in 16 bits (Rajbhandari et al. 2020, ZeRO, section 3.1)."""
WHOLE_WEIGHT_BYTES = 4.0

IN_FLIGHT = 2.0
"""Gradients alive beside the kept values, in results of the widest operation: one of its result
and one of its input."""


def state_bytes(workload: Workload, parameters: float) -> float:
    """Return gradients and optimizer state: 12 bytes a weight for fp32 and mixed precision.

    A gradient is as wide as its weight. 16-bit weights have an fp32 master copy.
    """
    weight_bytes = workload.precision.weight_bytes
    if weight_bytes >= WHOLE_WEIGHT_BYTES:
        return parameters * (WHOLE_WEIGHT_BYTES + MOMENT_BYTES)
    gradient_bytes = workload.precision.activation_bytes
    return parameters * (gradient_bytes + MASTER_BYTES + MOMENT_BYTES)


def training_elements(case: Case) -> float:
    """Return the activation values alive when the backward pass begins."""
    facts = op_facts(case.profile)
    alive = max(facts.kept_elements, case.profile.peak_activation_elements)
    return alive + IN_FLIGHT * facts.widest_result
