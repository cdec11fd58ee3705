"""What all assets share: keys, how one is built or skipped, what its page shows, runs.

Read `keys`, `building`, `metadata` with `page_images`, `lease_table`, `launchpad`, `known_errors`,
`runs`. No asset is defined here.
"""
