"""Where players' contributions lie before they are received, and whose count no longer.

Read `staging` (installs and their files), `dataset_repository` (what it reads them from on the
Hugging Face hub; folders and buckets are `resources.object_store`), `maintainer_list` (the files
that say which installs were withdrawn, and what a maintainer has decided), `resource`. What is
taken of the files is `pipeline.community.receiving`.
"""

from resources.contributions.resource import Contributions as Contributions
