"""One inference interface, torch and OpenVINO behind it."""
