"""Constants of the COCO detection protocol. All ranges and thresholds are float64, built once and passed on."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal

import numpy as np

# "coco" repeats pycocotools 2.0.11, its flaw included: ground truth with annotation id 0 can never be found.
# "coco-corrected" is the same without that flaw.
Protocol = Literal["coco", "coco-corrected"]
PROTOCOLS: tuple[Protocol, ...] = ("coco", "coco-corrected")

# As pycocotools builds them: 0.05 * i differs in the last bit for some i, and IoUs of whole-pixel boxes fall on it.
IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALL_THRESHOLDS = np.linspace(0.0, 1.0, 101)

# Pixels of the original image; both ends belong to the range, so 32 x 32 is small and medium.
AREA_RANGES = MappingProxyType(
    {
        "all": (0.0, 1e10),
        "small": (0.0, 32.0**2),
        "medium": (32.0**2, 96.0**2),
        "large": (96.0**2, 1e10),
    }
)

# Best detections per image and class that count. AP is only defined for the last of them.
MAX_DETECTIONS = (1, 10, 100)
AP_MAX_DETECTIONS = 100

STAT_NAMES = (
    "AP",
    "AP50",
    "AP75",
    "AP_small",
    "AP_medium",
    "AP_large",
    "AR_1",
    "AR_10",
    "AR_100",
    "AR_small",
    "AR_medium",
    "AR_large",
)
