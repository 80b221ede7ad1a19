"""The networks: a U-Net, and an encoder that has seen ImageNet with a refiner on it."""
