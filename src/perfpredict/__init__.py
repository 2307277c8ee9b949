"""Predict how fast ML models run on hardware, and how sure the answer is."""
