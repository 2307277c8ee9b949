from perfpredict import DuckDBPredictorRepository
from perfpredict import HardwareModelPredictorDuckDBAdapter

# Create repository and adapter
repository = DuckDBPredictorRepository(db_path="predictive_performance.duckdb")
adapter = HardwareModelPredictorDuckDBAdapter(repository=repository)

# Predict optimal hardware
result = adapter.predict_optimal_hardware(
    model_name="bert-base-uncased",
    model_family="embedding",
    batch_size=8,
    precision="fp16",
    available_hardware=["cuda", "cpu", "rocm"]
)

# Predict performance
performance = adapter.predict_performance(
    model_name="bert-base-uncased",
    model_family="embedding",
    hardware="cuda",
    batch_size=8,
    precision="fp16"
)

# Record actual measurement
measurement = adapter.record_actual_performance(
    model_name="bert-base-uncased",
    model_family="embedding",
    hardware_platform="cuda",
    batch_size=8,
    precision="fp16",
    throughput=123.45,
    latency=7.89,
    memory_usage=1024.5
)
