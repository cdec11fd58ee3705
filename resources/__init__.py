"""Resources: adapters to the world outside, for assets and commands to use.

Read `state` (what lies where in the state folder), `paths` (its resource, on which all others
depend), then `keys`, `artifacts`, `exports`, `contributions`, `game_files`, `cvat`, `gpu`,
`releases` and `deployment`; `defaults` brings them together. Rules of the domain do not belong
here: those are in `pipeline`.
"""
