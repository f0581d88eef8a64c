"""Tests of the embedded stack: real servers, in folders of their own."""
