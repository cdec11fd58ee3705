"""Where players' contributions lie before they are received, and whose count no longer.

Read `staging` (installs and their files, in a folder or a bucket), `maintainer_list` (the files
that say which installs were withdrawn, and what a maintainer has decided), `resource`. What is
taken of the files is `pipeline.community.receiving`.
"""

from resources.contributions.resource import Contributions as Contributions
