"""Tests of activities.review."""
