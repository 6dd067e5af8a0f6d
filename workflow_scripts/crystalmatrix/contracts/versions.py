"""Versions of what is no table; those of the tables and of the checkpoint stand in columns.py.

Raise one when a key changes its meaning: a reader that meets another says so and stops. The rules of what costs more
than seconds pass them as parameters, so raise those, too, when the code that decides the numbers changes. Everything
after the predictions watches its code instead (code.py).

In: nothing.  Out: the *_VERSION numbers, each with the modules that decide it.
"""

ORIGIN_VERSION = 1  # raw.meta.json: data/sources.py
QUALITY_VERSION = 2  # quality.json: data/quality.py, data/defects.py
COVERAGE_VERSION = 2  # coverage.json: data/splits.py, data/official.py, data/extra.py
STATISTICS_VERSION = 1  # graphs/statistics.json: graphs/statistics.py, graphs/example.py
COMPOSITION_VERSION = 2  # predictions of the composition baseline: evaluation/composition.py, evaluation/descriptors.py
SCORES_VERSION = 2  # metrics.json: evaluation/score.py, metrics.py, bootstrap.py, uncertainty.py, distance.py
COMPARISON_VERSION = 1  # comparison.json and .csv: evaluation/comparison.py, summary.py, breakdown.py, published.py
CURVES_VERSION = 1  # report/learning_curves.json: benchmarks/learning_curve.py, docs/curves.py
SUBMISSION_VERSION = 1  # leaderboard/<property>: evaluation/submission.py, published.py
CARD_VERSION = 1  # models/<task>.json: report/card.py
SCREEN_VERSION = 2  # screen/<name>/: crystals/survey.py, inference/screening.py
