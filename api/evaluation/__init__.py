"""Evaluation: suites of cases with known answers, run several times, scored and reported."""
