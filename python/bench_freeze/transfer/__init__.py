"""How well features of several pre-trainings serve other tasks: frozen features, light readers, paired intervals."""
