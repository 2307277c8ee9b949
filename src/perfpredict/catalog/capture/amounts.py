"""Arithmetic per element of the ordinary kernels, the same for every way a model is captured."""

BATCH_NORM_FLOPS = 2  # a fixed scale and shift in evaluation mode
OTHER_NORM_FLOPS = 7  # mean 1, variance 2, normalise 2, scale and shift 2
SOFTMAX_FLOPS = 5  # maximum, subtract, exponential, sum, divide
