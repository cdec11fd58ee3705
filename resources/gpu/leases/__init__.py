"""Leases: a host from the row written before it is asked for to its verified end, and the money.

Read `ledger`, `pod` (getting one ready, ending it), `rented` (a job on rented hosts, one after the
other), `follow` (a running job), `ssh_host` and `local` (hosts that cost nothing), `reaper` (what
was left behind), `charges`, `inventory` (what accounts are billed for), `file_lock`,
`migrations` (versions of the ledger's file).
"""
