"""Makes the pictures of this folder and expected.csv: what Pillow's convert("RGB") makes of each, as Keras's load_img would.

Sixteen-bit pictures are the exception: Pillow clips them at 255, here value / 257, rounded, is expected.

Run with Pillow 13.0.0 and numpy 2: `python make.py`
"""
import csv
import pathlib

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).parent
H, W = 7, 9
y, x = np.mgrid[0:H, 0:W]
rgb = np.stack([x * 31, y * 42, (x + y) * 17], -1).astype(np.uint8)
alpha = ((x * 29 + y * 11) % 256).astype(np.uint8)
grey = (x * 20 + y * 13).astype(np.uint8)
grey16 = (x * 7001 + y * 1999).astype(np.uint16)

colour = Image.fromarray(rgb)
rgba = Image.fromarray(np.dstack([rgb, alpha]))
luma = Image.fromarray(grey)
luma_alpha = Image.merge("LA", [luma, Image.fromarray(alpha)])
palette = colour.quantize(16)
black_white = luma.point(lambda v: 255 * (v > 100)).convert("1", dither=Image.Dither.NONE)
cmyk = Image.fromarray(np.dstack([255 - rgb, grey // 3]), "CMYK")
transparent = palette.copy()
transparent.info["transparency"] = 3

PICTURES = {
    "bmp-1bit.bmp": (black_white, {}),
    "bmp-grey.bmp": (luma, {}),
    "bmp-palette.bmp": (palette, {}),
    "bmp-rgb.bmp": (colour, {}),
    "bmp-rgba.bmp": (rgba, {}),
    "gif-animated.gif": (palette, dict(save_all=True, append_images=[luma.convert("P"), palette])),
    "gif-interlaced.gif": (palette, dict(interlace=1)),
    "gif-transparent.gif": (transparent, dict(transparency=3)),
    "jpeg-cmyk.jpg": (cmyk, dict(quality=100, subsampling=0)),
    "jpeg-grey.jpg": (luma, dict(quality=100)),
    "jpeg-progressive.jpg": (colour, dict(quality=100, subsampling=0, progressive=True)),
    "jpeg-rgb.jpg": (colour, dict(quality=100, subsampling=0, keep_rgb=True)),
    "jpeg-subsampled.jpg": (colour, dict(quality=100, subsampling=2)),
    "jpeg-ycc.jpg": (colour, dict(quality=100, subsampling=0)),
    "png-1bit.png": (black_white, {}),
    "png-grey-alpha.png": (luma_alpha, {}),
    "png-grey-trns.png": (luma, dict(transparency=33)),
    "png-grey16.png": (Image.fromarray(grey16), {}),
    "png-palette.png": (palette, {}),
    "png-palette-trns.png": (palette, dict(transparency=b"\x00\x40\xff")),
    "png-rgba.png": (rgba, {}),
    "ppm-grey.pgm": (luma, {}),
    "ppm-rgb.ppm": (colour, {}),
    "tiff-1bit.tif": (black_white, {}),
    "tiff-cmyk.tif": (cmyk, {}),
    "tiff-deflate.tif": (colour, dict(compression="tiff_adobe_deflate")),
    "tiff-grey.tif": (luma, {}),
    "tiff-grey16.tif": (Image.fromarray(grey16), {}),
    "tiff-lzw.tif": (colour, dict(compression="tiff_lzw")),
    "tiff-palette.tif": (palette, {}),
    "tiff-rgba.tif": (rgba, {}),
    "webp-animated.webp": (colour, dict(save_all=True, append_images=[luma.convert("RGB")], lossless=True)),
    "webp-lossless.webp": (colour, dict(lossless=True)),
    "webp-lossless-alpha.webp": (rgba, dict(lossless=True, exact=True)),
    "webp-lossy.webp": (colour, dict(quality=90)),
    "webp-lossy-alpha.webp": (rgba, dict(quality=90, exact=True)),
}

with open(HERE / "expected.csv", "w", newline="") as f:
    out = csv.writer(f, lineterminator="\n")
    out.writerow(["name", "height", "width", "rgb"])
    for name, (image, options) in PICTURES.items():
        image.save(HERE / name, **options)
        with Image.open(HERE / name) as saved:
            pixels = np.asarray(saved)
            if pixels.dtype == np.uint16:
                pixels = np.repeat(np.rint(pixels / 257).astype(np.uint8)[..., None], 3, -1)
            else:
                pixels = np.asarray(saved.convert("RGB"))
        out.writerow([name, *pixels.shape[:2], pixels.tobytes().hex()])
