# Get feature importance for a model
importance = repository.get_feature_importance(model_id="model-123456")

# Analyze which features are most important for predictions
for feature in importance:
    print(f"{feature['feature_name']}: {feature['importance_score']:.4f}")
