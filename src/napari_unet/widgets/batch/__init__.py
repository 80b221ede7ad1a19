"""The dock that segments the open layers."""
