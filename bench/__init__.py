"""Measurements, with their peers in the same run."""
