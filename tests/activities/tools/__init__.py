"""Tests of activities.tools."""
