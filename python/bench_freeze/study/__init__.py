"""The parts of a study: inputs, trainings, the rows of the results, and the analyses of each training."""
