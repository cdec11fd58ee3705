"""APIs of GPU clouds: one interface, a module for each cloud.

Read `base` (what a cloud can be asked), `http` (requests, retries, limits), `offers` (what is to be
had), then `runpod` and `lambda_cloud`. Nothing here knows of the ledger.
"""
