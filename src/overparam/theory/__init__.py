"""What is predicted: one file a theorem or family, named by author and year; functions of arrays only."""
