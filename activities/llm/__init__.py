"""Language models behind one small port: adapters, classification of faults, schemas, parsing, prices."""
