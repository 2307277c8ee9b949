# Analyze prediction accuracy
stats = repository.get_prediction_accuracy_stats(
    model_name="bert-base-uncased",
    hardware_platform="cuda",
    metric="throughput"
)

# Get R² coefficient of determination
r_squared = stats["throughput"]["r_squared"]

# Get mean absolute error
mae = stats["throughput"]["mean_absolute_error"]

# Get bias (systematic error)
bias = stats["throughput"]["bias"]
