"""Ensembles: networks of one recipe with other seeds or folds, trained as lanes of one population."""
