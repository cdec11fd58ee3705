"""Benchmarks of policies, each with criteria that it passes or fails.

Read `verdicts` (shares, criteria, and what a benchmark has come to), `trainings` (policies that go
on learning for a benchmark), `transfer` (from made maps to drawn ones), `generalist` (one policy
against one that has learned each set-up), `historical` (battles, and how they end here), `battles`
(what is known of those) and `reports` (Markdown and an image).
"""
