from perfpredict import HardwareModelPredictor
from perfpredict import HardwareModelPredictorDuckDBAdapter

# Create predictor and adapter
predictor = HardwareModelPredictor()
adapter = HardwareModelPredictorDuckDBAdapter(predictor=predictor)

# Use the adapter to make predictions and store them in DuckDB
recommendation = adapter.predict_optimal_hardware(model_name="bert-base-uncased")
