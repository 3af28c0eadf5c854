"""How the names of image files end."""

from __future__ import annotations

SUFFIXES: dict[str, frozenset[str]] = {
    "JPEG": frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".pjp", ".mpo"}),
    "PNG": frozenset({".png", ".apng"}),
    "WEBP": frozenset({".webp"}),
    "GIF": frozenset({".gif"}),
    "AVIF": frozenset({".avif", ".avifs"}),
    "TIFF": frozenset({".tif", ".tiff"}),
    "BMP": frozenset({".bmp", ".dib"}),
    "HEIF": frozenset({".heic", ".heif", ".heics", ".heifs", ".hif"}),
    "JXL": frozenset({".jxl"}),
    "RAW": frozenset(
        {
            ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr", ".iiq", ".k25", ".kdc",
            ".mdc", ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2",
            ".srf", ".srw", ".x3f",
        }
    ),
}  # fmt: skip
"""Of each format that can be read, some of them with extras."""

OTHER_SUFFIXES = frozenset(
    {
        ".ai", ".blp", ".bpg", ".bw", ".cdr", ".cur", ".dcm", ".dcx", ".dds", ".djvu", ".emf", ".eps", ".exr", ".fits",
        ".flif", ".ftc", ".fts", ".ftu", ".gbr", ".hdp", ".hdr", ".icb", ".icns", ".ico", ".iim", ".im", ".j2c",
        ".j2k", ".jls", ".jp2", ".jpc", ".jpf", ".jph", ".jpx", ".jxr", ".kra", ".msp", ".ora", ".pam", ".pbm", ".pcd",
        ".pct", ".pcx", ".pfm", ".pgm", ".pic", ".pict", ".pnm", ".ppm", ".psb", ".psd", ".pxr", ".qoi", ".ras",
        ".rgb", ".rgba", ".sgi", ".sun", ".svg", ".svgz", ".tga", ".vda", ".vst", ".wbmp", ".wdp", ".wmf", ".xbm",
        ".xcf", ".xpm",
    }
)  # fmt: skip
"""Of formats that cannot be read: their files are counted and named."""
