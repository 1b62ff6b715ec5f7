"""Choosing nodes of a graph under a budget: what they cover, greedy choice, influence, and networks that learn to choose."""
