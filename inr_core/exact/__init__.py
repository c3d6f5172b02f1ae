"""The model that keeps every sample: planes of whole numbers, predicted from their neighbours and packed."""
