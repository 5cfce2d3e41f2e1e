"""What people read: the log, annotations, the summary and the files."""
