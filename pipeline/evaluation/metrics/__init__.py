"""Metrics: what judged frames come to as figures, and how sure these are.

Text and drawings about them belong to `reports`, two models beside each other to `comparison`.

Read `counts`, `intervals`, `sessions`, `average_precision`, `breakdowns`, `scores` with
everything as one value, then `fitted_thresholds`.
"""
