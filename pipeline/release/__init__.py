"""Release: the model bundle, the wheel that carries it, and the audit of where it came from.

Read `bundle`, `wheel`, `package` (the artifact), `audit`.
"""
