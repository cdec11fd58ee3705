"""Release: the model bundle, the wheel that carries it, what is published, and the audit.

Read `bundle`, `wheel`, `package` (the artifact), `version` (what travels), `gates`, `channels`,
`key_sets`, `published` (the artifact), `audit`. Where it is published is `resources.releases`.
"""
