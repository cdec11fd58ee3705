"""Metrics: what judged frames come to as figures, and how sure these are.

Text and drawings about them belong to `reports`, two models beside each other to `comparison`.

Read `counts`, `intervals`, `sessions`, `average_precision`, `breakdowns`, then `scores` with
everything as one value.
"""
