"""Release: the model bundle, the wheel that carries it, what is published, and where it is from.

Read `bundle`, `wheel`, `package` (the artifact), `version` (what travels), `gates`, `channels`,
`key_sets`, `signed_bundle`, `openssf`, `published` (the artifact), `lineage`, `community`,
`policies`. Where models are published is `resources.releases`.
"""
