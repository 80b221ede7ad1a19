"""Cross-validation of segmentation methods on folders of images with dense labels."""
