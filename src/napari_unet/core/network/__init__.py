"""The U-Net: configuration, geometry, tiles, device."""
