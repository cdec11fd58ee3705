"""Keys of this user: private ones, and those of others whose word counts here.

What belongs here: where keys are kept, made on first use, rotated and revoked. What they sign does
not: documents of published models are the runtime's (`detector_runtime.updates`), records of
artifacts the domain's (`pipeline.release.lineage.signed_records`).

Read `private_keys`, then `record_keys`.
"""
