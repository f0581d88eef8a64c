"""The doors people use: the botted command, later HTTP and the console."""
