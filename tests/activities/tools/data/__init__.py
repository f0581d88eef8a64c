"""Tests of activities.tools.data."""
