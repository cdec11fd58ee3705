"""Where a model and what it was made of come from: proven again, from records and files.

Read `signed_records` (whose word a record is), `training_job` (which job made weights), `audit`
(from a model back to every file, each digest verified), `bill_of_materials` (what it found, for
others to read), then `reproduction` (what making a version again has shown). Making it is
`assets.operations.lineage.reproduce`, which uses what the assets use.
"""
