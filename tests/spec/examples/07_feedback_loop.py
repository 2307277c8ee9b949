# Record feedback on a recommendation
adapter.record_recommendation_feedback(
    recommendation_id="rec-123456",
    was_accepted=True,
    user_feedback="Works well for our use case"
)

# Analyze acceptance rate
recommendations = repository.get_recommendations()
accepted = sum(1 for r in recommendations if r.get("was_accepted", False))
acceptance_rate = accepted / len(recommendations) if recommendations else 0
print(f"Recommendation acceptance rate: {acceptance_rate:.2%}")
