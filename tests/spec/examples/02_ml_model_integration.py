from perfpredict import ModelPerformancePredictorDuckDBAdapter
from sklearn.ensemble import RandomForestRegressor
import numpy as np

# Create repository and adapter
repository = DuckDBPredictorRepository(db_path="predictive_performance.duckdb")
adapter = ModelPerformancePredictorDuckDBAdapter(repository=repository)

# Train a model
X = np.random.rand(100, 4)  # Features: model_size, batch_size, etc.
y = np.random.rand(100)     # Target: throughput or latency
features = ["model_size", "batch_size", "sequence_length", "precision_numeric"]
model = RandomForestRegressor().fit(X, y)

# Store the model
model_id = adapter.store_model(
    model=model,
    model_type="RandomForestRegressor",
    target_metric="throughput",
    hardware_platform="cuda",
    model_family="embedding",
    features=features,
    training_score=0.95,
    validation_score=0.92,
    test_score=0.90
)

# Load the model later
loaded_model, metadata = adapter.load_model(
    target_metric="throughput",
    hardware_platform="cuda",
    model_family="embedding"
)
