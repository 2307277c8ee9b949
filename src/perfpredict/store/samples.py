"""Sample rows: counting them, and deleting them without touching a real one."""

import polars as pl

from perfpredict.store.gateway import Store

SAMPLE_TABLES = (
    "performance_predictions",
    "performance_measurements",
    "hardware_model_mappings",
    "prediction_models",
    "recommendation_history",
)
"""Tables whose rows say whether they are samples; the others follow from them."""


def has_real_rows(store: Store) -> bool:
    """Return whether anything that is no sample was predicted, measured, trained or asked."""
    counts = sample_counts(store)
    return bool(counts["real"].sum())


def sample_counts(store: Store) -> pl.DataFrame:
    """Return the columns table_name, sample and real: how many rows of each there are."""
    selects = [
        f"select '{table}' as table_name, count(*) filter (is_sample) as sample, "
        f"count(*) filter (not is_sample) as real from {table}"
        for table in SAMPLE_TABLES
    ]
    return store.frame(" union all ".join(selects) + " order by table_name")


def clear_samples(store: Store) -> pl.DataFrame:
    """Delete every sample row and what hangs on it; returns the counts from before."""
    with store.transaction():
        counts = sample_counts(store)
        for statement in _DELETE_DEPENDENTS:
            store.execute(statement)
        for table in SAMPLE_TABLES:
            store.execute(f"delete from {table} where is_sample")
    return counts


_DELETE_DEPENDENTS = (
    """
    delete from prediction_errors where measurement_id in
        (select measurement_id from performance_measurements where is_sample)
    """,
    """
    delete from feedback_events where recommendation_id in
        (select recommendation_id from recommendation_history where is_sample)
    """,
    """
    delete from feature_importance where model_id in
        (select model_id from prediction_models where is_sample)
    """,
    """
    delete from prediction_model_rows where model_id in
        (select model_id from prediction_models where is_sample)
    """,
)
