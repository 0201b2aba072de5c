"""Figures as plain data for plotly.js."""
