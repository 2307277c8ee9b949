"""Kinds of work whose bottlenecks are alike: they share a learner, an offset and an interval."""

from perfpredict.domain.workload import Mode, Workload

FORWARD, GENERATION, TRAINING = "forward", "generation", "training"
WORK_KINDS = (FORWARD, GENERATION, TRAINING)


def kind_of_work(workload: Workload) -> str:
    """Return which of WORK_KINDS `workload` is."""
    if workload.mode is Mode.TRAINING:
        return TRAINING
    return FORWARD if workload.phase is None else GENERATION


def execution_of(workload: Workload) -> str:
    """Return the framework, compiled apart from eager: the two run at different speeds."""
    return workload.framework_name + ("+compiled" if workload.is_compiled else "")
