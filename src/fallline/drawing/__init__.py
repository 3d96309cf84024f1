"""Static pictures: marks as data, axes, legends and colours, drawn as SVG or as pixels."""
