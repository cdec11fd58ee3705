"""Language models behind chat completions, OpenAI's API that other vendors and servers speak too.

Read `settings` (which model, where, and what it may cost), `client` (a question and its answer),
`answers` (what was answered, kept so that nothing is asked twice) and `corrector` (a model that
corrects what policies choose). What is asked, and what an answer comes to, does not belong here:
that is `pipeline.play.corrections.questions`.
"""
