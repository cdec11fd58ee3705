"""How many labels of one icon become one: near duplicates together, a vote each, a label, how sure.

What was sent comes in as `pipeline.community.staged_crops`; what is believed goes out as
`pipeline.community.voted_crops`. Votes on texts, which are about strings and not about images, are
`pipeline.community.text_votes`.

Read `grouping` (which images show the same), `ballots` (one vote of each contributor), `neighbours`
(which screens are alike), `reliability` (whom to believe) and `decisions` (what a maintainer says),
then `voting`, which joins them; `opinions` is what a classifier says. `agreement` and `vote_sheets`
show what came out, `disputes` what a person should look at.
"""
