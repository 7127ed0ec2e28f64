"""Makes hostile.csv: what Pillow makes of collected odd pictures, as height, width and mean red, green, blue.

The last column says how close to it a decoder has to come. Sixteen-bit grey pictures are clipped at 255 by Pillow; here
value / 257, rounded, is expected. Sixteen-bit coloured ones Pillow rounds down, so that half a level lies between the two.
JPEG decoders may differ by their rounding and in how they smooth colours that are stored at half the size.
The collections are PngSuite (Willem van Schaik), the reference images of jpeg-decoder, libjpeg-turbo's and recurser's
EXIF orientation examples; the last as they lie in the file, not turned upright.

Run with Pillow 13.0.0 and numpy 2: `python hostile.py FOLDER_OF_COLLECTIONS`
"""
import csv
import pathlib
import sys

import numpy as np
from PIL import Image

root = pathlib.Path(sys.argv[1])
with open(pathlib.Path(__file__).with_name("hostile.csv"), "w", newline="") as f:
    out = csv.writer(f, lineterminator="\n")
    out.writerow(["path", "height", "width", "red", "green", "blue", "within"])
    for folder in ["pngsuite/png", "jpeg-decoder/tests/reftest", "libjpeg-turbo", "exif-orientation-examples"]:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".png", ".jpg"):
                continue
            name = path.relative_to(root).as_posix()
            within = 1.5 if path.suffix == ".jpg" else 0.001
            try:
                with Image.open(path) as image:
                    pixels = np.asarray(image)
                    if pixels.dtype == np.uint16:
                        pixels = np.repeat(np.rint(pixels / 257)[..., None], 3, -1)
                    else:
                        pixels = np.asarray(image.convert("RGB"))
                        if path.suffix == ".png" and path.read_bytes()[24] == 16:
                            within = 0.5
            except Exception:
                out.writerow([name, "refused"])
                continue
            out.writerow([name, *pixels.shape[:2], *(f"{m:.3f}" for m in pixels.mean((0, 1))), within])
