# 1. Predict optimal hardware
recommendation = adapter.predict_optimal_hardware(
    model_name="bert-base-uncased",
    model_family="embedding",
    batch_size=8,
    precision="fp16"
)

# 2. Record user feedback
adapter.record_recommendation_feedback(
    recommendation_id=recommendation["recommendation_id"],
    was_accepted=True
)

# 3. Predict performance on recommended hardware
performance = adapter.predict_performance(
    model_name="bert-base-uncased",
    model_family="embedding",
    hardware=recommendation["primary_recommendation"],
    batch_size=8,
    precision="fp16"
)

# 4. Record actual performance
measurement = adapter.record_actual_performance(
    model_name="bert-base-uncased",
    model_family="embedding",
    hardware_platform=recommendation["primary_recommendation"],
    batch_size=8,
    precision="fp16",
    throughput=120.5,
    latency=8.2,
    memory_usage=1050.3,
    prediction_id=performance["predictions"][recommendation["primary_recommendation"]]["prediction_id"]
)

# 5. Analyze prediction accuracy
stats = repository.get_prediction_accuracy_stats(
    model_name="bert-base-uncased",
    hardware_platform=recommendation["primary_recommendation"]
)
