"""The documented Python classes: each method translates, calls a service and translates back.

At this edge latency is in ms, throughput in samples or tokens per s, memory in MiB.
"""
