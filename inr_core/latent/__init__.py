"""The model that codes a pyramid of quantised wavelet coefficients, each predicted by small shared networks."""
