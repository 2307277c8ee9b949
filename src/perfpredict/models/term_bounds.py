"""What each term of text generation waits for."""

from perfpredict.domain.explanation import Bound
from perfpredict.models.generation_terms import Term

_COMPUTE = frozenset({
    Term.PROMPT_PRODUCTS, Term.PROMPT_ATTENTION, Term.STEP_PRODUCTS, Term.PROMPT_UNPACKING,
    Term.STEP_UNPACKING,
})  # fmt: skip
_MEMORY = frozenset({
    Term.PROMPT_WEIGHTS, Term.PROMPT_TRAFFIC, Term.STEP_WEIGHTS, Term.STEP_CACHE,
    Term.STEP_UNSHARED_CACHE, Term.STEP_TRAFFIC, Term.OTHER_LAYERS,
})  # fmt: skip
_LINK = frozenset({Term.SYNC_LATENCY, Term.SYNC_TRAFFIC})


def bound_of_term(term: Term) -> Bound:
    """Return what `term` waits for; the host where neither rate nor link is in it."""
    if term in _COMPUTE:
        return Bound.COMPUTE
    if term in _MEMORY:
        return Bound.MEMORY
    return Bound.LINK if term in _LINK else Bound.HOST
