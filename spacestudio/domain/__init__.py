"""What things are: frozen values over NumPy arrays. No file, screen or model is known here."""
