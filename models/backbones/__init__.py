"""Image backbones: networks from pixels to feature maps."""
