"""Release: the model bundle, the wheel that carries it, what is published, and the audit.

Read `bundle`, `wheel`, `package` (the artifact), `version` (what travels), `gates`, `channels`,
`key_sets`, `signed_bundle`, `openssf`, `published` (the artifact), `audit`. Where models are
published is `resources.releases`.
"""
