"""What the chapters of the DAMU-Net book import beside the package: checkers, figures, results."""
