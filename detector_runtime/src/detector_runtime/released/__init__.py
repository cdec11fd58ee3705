"""What is published: a table of the kinds of models, with how a folder of each is opened and tried.

Read `kinds`. How a program hears of a newer one is `updates`; what each kind is, `bundle`,
`classify.community_model` and `policies.policy_model`.
"""
