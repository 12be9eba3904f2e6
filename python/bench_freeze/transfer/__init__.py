"""What the features of several pre-trainings give to other tasks: frozen features, light readers, paired intervals."""
