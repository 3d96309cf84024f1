"""The foundations shared by every block: fields, validation, files, random numbers and errors."""
