"""The options of a study, validated; imports no framework."""
