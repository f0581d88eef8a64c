"""Tables without a model: loading, profiling, findings, and the claims that every figure rests on."""
