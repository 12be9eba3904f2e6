"""What a user may ask of a study, validated; knows no framework."""
