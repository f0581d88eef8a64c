"""Tests of activities.planning."""
