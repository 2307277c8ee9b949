from perfpredict import ModelPerformancePredictorDuckDBAdapter

# Create adapter
adapter = ModelPerformancePredictorDuckDBAdapter()

# Use the adapter to make predictions and store them in DuckDB
prediction = adapter.predict(
    model_name="bert-base-uncased",
    hardware_platform="cuda",
    batch_size=8
)
