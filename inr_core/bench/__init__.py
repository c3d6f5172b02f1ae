"""The study and the rate–distortion bench."""
