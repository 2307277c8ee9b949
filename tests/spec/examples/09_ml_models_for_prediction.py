from sklearn.ensemble import GradientBoostingRegressor
import pandas as pd

# 1. Prepare training data from historical measurements
measurements = repository.get_measurements(
    model_family="embedding",
    hardware_platform="cuda",
    limit=1000
)

# Create DataFrame from measurements
df = pd.DataFrame([
    {
        "model_name": m["model_name"],
        "batch_size": m["batch_size"],
        "sequence_length": m["sequence_length"],
        "precision_numeric": 16 if m["precision"] == "fp16" else 32,
        "throughput": m["throughput"],
        "latency": m["latency"],
        "memory_usage": m["memory_usage"]
    }
    for m in measurements
])

# 2. Train a throughput prediction model
X = df[["batch_size", "sequence_length", "precision_numeric"]]
y_throughput = df["throughput"]

model_throughput = GradientBoostingRegressor().fit(X, y_throughput)

# 3. Store the model in the repository
adapter = ModelPerformancePredictorDuckDBAdapter(repository=repository)
model_id = adapter.store_model(
    model=model_throughput,
    model_type="GradientBoostingRegressor",
    target_metric="throughput",
    hardware_platform="cuda",
    model_family="embedding",
    features=["batch_size", "sequence_length", "precision_numeric"],
    training_score=model_throughput.score(X, y_throughput)
)

# 4. Use the model for prediction
loaded_model, _ = adapter.load_model(
    target_metric="throughput",
    hardware_platform="cuda",
    model_family="embedding"
)

# Make a prediction
new_config = pd.DataFrame([{
    "batch_size": 16,
    "sequence_length": 256,
    "precision_numeric": 16
}])

predicted_throughput = loaded_model.predict(new_config)[0]
print(f"Predicted throughput: {predicted_throughput:.2f} items/sec")
