"""Published models in an object store: keys, versions, channels and their history.

What the documents are is the runtime's (`detector_runtime.updates`), what makes a version is the
domain's (`pipeline.release`), private keys are kept by `resources.keys`. Here they are written, in
an order in which a writer may be killed at any moment: readers see what was there before, and
whoever writes next completes or passes over it.

Read `release_store` (what lies where), `publisher` (who signs), `resource`.
"""
