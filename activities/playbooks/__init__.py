"""Playbooks: YAML files that plan without a model."""
