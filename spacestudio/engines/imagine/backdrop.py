"""A plain place behind drawn things: sky or wall above, ground in perspective below, coloured by the words.

Shapes: H, W of the canvas. Every pattern is made from `seed` and the words alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Ground:
    """A ground: its colour and pattern."""

    colour: str
    pattern: str


@dataclass(frozen=True)
class Behind:
    """What rises behind it: colours at the top and at the horizon, and a skyline."""

    top: str
    low: str
    skyline: str = ""
    ground: str = "floor"
    indoor: bool = False


GROUNDS: Final = {
    "grass": Ground("#86A85C", "grass"), "lawn": Ground("#86A85C", "grass"), "meadow": Ground("#93AE62", "grass"),
    "field": Ground("#97AC5E", "grass"), "park": Ground("#86A85C", "grass"), "garden": Ground("#7FA25B", "grass"),
    "sand": Ground("#DEC79A", "sand"), "beach": Ground("#E0CA9E", "sand"), "desert": Ground("#D9B983", "sand"),
    "snow": Ground("#E9EEF2", "snow"), "ice": Ground("#D6E5EC", "snow"), "ski": Ground("#E9EEF2", "snow"),
    "water": Ground("#6E9DB5", "water"), "sea": Ground("#5F94B0", "water"), "lake": Ground("#6E9DB5", "water"),
    "river": Ground("#7299A6", "water"), "harbor": Ground("#5F8CA3", "water"), "harbour": Ground("#5F8CA3", "water"),
    "pool": Ground("#76B4C6", "water"), "ocean": Ground("#5F94B0", "water"),
    "street": Ground("#85878A", "road"), "road": Ground("#85878A", "road"), "asphalt": Ground("#85878A", "road"),
    "parking": Ground("#8A8B8D", "road"), "highway": Ground("#85878A", "road"), "runway": Ground("#8E9093", "road"),
    "pavement": Ground("#ABA69D", "slabs"), "sidewalk": Ground("#ABA69D", "slabs"), "concrete": Ground("#A9A8A5", "slabs"),
    "plaza": Ground("#B7AC9B", "slabs"), "square": Ground("#B7AC9B", "slabs"), "stone": Ground("#A5A199", "slabs"),
    "cobble": Ground("#9C968C", "slabs"), "patio": Ground("#B7A48C", "slabs"), "platform": Ground("#A5A4A2", "slabs"),
    "dirt": Ground("#A78662", "sand"), "soil": Ground("#8F6F50", "sand"), "gravel": Ground("#A8A198", "sand"),
    "trail": Ground("#A78662", "sand"), "farm": Ground("#A58C5E", "sand"), "savanna": Ground("#C2A863", "grass"),
    "wood": Ground("#B48A5E", "boards"), "wooden": Ground("#B48A5E", "boards"), "parquet": Ground("#B48A5E", "boards"),
    "deck": Ground("#A98660", "boards"), "boards": Ground("#B48A5E", "boards"), "pier": Ground("#9F8566", "boards"),
    "tile": Ground("#D5D1C8", "tiles"), "tiles": Ground("#D5D1C8", "tiles"), "tiled": Ground("#D5D1C8", "tiles"),
    "carpet": Ground("#B39A8C", "cloth"), "rug": Ground("#A98C80", "cloth"), "linoleum": Ground("#B9B6A8", "cloth"),
    "mat": Ground("#8FA3A8", "cloth"), "court": Ground("#7B9C86", "cloth"), "turf": Ground("#86A85C", "grass"),
    "table": Ground("#B9936B", "boards"), "desk": Ground("#B08A62", "boards"), "counter": Ground("#CFC8BC", "cloth"),
    "floor": Ground("#BCA181", "boards"),
}  # fmt: skip
"""Word -> ground."""

PLACES: Final = {
    "kitchen": Behind("#EFEAE0", "#E2DACB", "wall tiles", "tile", True),
    "bathroom": Behind("#E3EEF0", "#D2E2E6", "wall tiles", "tile", True),
    "laundry": Behind("#E6EBEC", "#D7DFE2", "wall tiles", "tile", True),
    "bedroom": Behind("#DAD9E4", "#CFCBDB", "panel", "carpet", True),
    "living": Behind("#EADFCF", "#DFD1BE", "panel", "wood", True),
    "nursery": Behind("#F0E2DF", "#E7D5D2", "panel", "carpet", True),
    "office": Behind("#DEE3E5", "#D0D6D9", "panel", "carpet", True),
    "classroom": Behind("#DDE4D8", "#D0D8C9", "panel", "linoleum", True),
    "library": Behind("#CDB79B", "#BFA686", "shelves", "wood", True),
    "restaurant": Behind("#D9BFA3", "#CBAE90", "panel", "wood", True),
    "cafe": Behind("#DCC6AC", "#CDB497", "panel", "wood", True),
    "hospital": Behind("#E2EDEA", "#D2E1DD", "panel", "linoleum", True),
    "gym": Behind("#D9DCDD", "#C9CED0", "panel", "mat", True),
    "studio": Behind("#DAD7D1", "#CECAC3", "", "wood", True),
    "garage": Behind("#C9C8C4", "#BBBAB6", "panel", "concrete", True),
    "workshop": Behind("#C9BFB1", "#B9AE9F", "panel", "concrete", True),
    "warehouse": Behind("#C4C6C6", "#B4B7B8", "panel", "concrete", True),
    "store": Behind("#E2DED6", "#D3CEC4", "shelves", "tile", True),
    "supermarket": Behind("#E2DED6", "#D3CEC4", "shelves", "tile", True),
    "room": Behind("#E6DED2", "#DAD0C2", "panel", "wood", True),
    "hall": Behind("#DED8CE", "#D0C9BD", "panel", "tile", True),
    "wall": Behind("#E3DCD0", "#D7CFC1", "panel", "floor", True),
    "indoor": Behind("#E3DCD0", "#D7CFC1", "panel", "floor", True),
    "beach": Behind("#8FC1DE", "#D9ECF2", "sea", "sand"),
    "harbor": Behind("#93BFD9", "#DCEAF0", "hills", "water"),
    "sea": Behind("#8FC1DE", "#D9ECF2", "", "water"),
    "lake": Behind("#93BFD9", "#DCEAF0", "hills", "grass"),
    "forest": Behind("#A9CBD2", "#DDE8DD", "trees", "grass"),
    "wood": Behind("#A9CBD2", "#DDE8DD", "trees", "grass"),
    "park": Behind("#93C0DC", "#DDEDF0", "trees", "grass"),
    "garden": Behind("#93C0DC", "#DDEDF0", "trees", "grass"),
    "zoo": Behind("#93C0DC", "#DDEDF0", "trees", "dirt"),
    "farm": Behind("#93C0DC", "#E3EEEA", "hills", "grass"),
    "meadow": Behind("#93C0DC", "#E3EEEA", "hills", "grass"),
    "mountain": Behind("#86B4D6", "#DDEAF2", "mountains", "grass"),
    "ski": Behind("#86B4D6", "#E4EEF4", "mountains", "snow"),
    "snow": Behind("#A6C4D8", "#E6EEF3", "mountains", "snow"),
    "desert": Behind("#8FBFDB", "#F0E3CC", "hills", "sand"),
    "savanna": Behind("#94C1D9", "#F0E6CC", "hills", "savanna"),
    "street": Behind("#9FC0D6", "#E2E9EC", "city", "street"),
    "city": Behind("#9FC0D6", "#E2E9EC", "city", "street"),
    "town": Behind("#9FC0D6", "#E2E9EC", "city", "street"),
    "market": Behind("#9FC0D6", "#E8E6DF", "city", "pavement"),
    "plaza": Behind("#9FC0D6", "#E8E6DF", "city", "pavement"),
    "station": Behind("#B6C6D0", "#E2E7EA", "city", "platform"),
    "airport": Behind("#9FC4DE", "#E6EEF2", "hills", "runway"),
    "stadium": Behind("#9FC4DE", "#E6EEF2", "city", "grass"),
    "sky": Behind("#8FBFE0", "#DCECF4", "", "grass"),
    "outdoor": Behind("#8FBFE0", "#DCECF4", "hills", "grass"),
}  # fmt: skip
"""Word -> what is behind; the first one in the text wins."""
LIGHTS: Final = {
    "sunset": ("#E8A06A", "#F6D7A8"), "dusk": ("#6E7CA3", "#E3B49A"), "evening": ("#7C8DB0", "#EBC7A2"),
    "dawn": ("#A9B6D3", "#F3D3BC"), "sunrise": ("#A9B6D3", "#F6D7A8"), "night": ("#27324D", "#51608A"),
    "storm": ("#74808C", "#A9B2B8"), "rain": ("#8B98A3", "#BCC5CA"), "cloud": ("#A9B7C1", "#D9DFE2"),
    "overcast": ("#A9B3BA", "#D6DBDD"), "fog": ("#C4CBCE", "#DEE2E3"), "mist": ("#C4CBCE", "#DEE2E3"),
}  # fmt: skip
"""Word -> sky at the top and at the horizon."""


def words_of(text: str) -> list[str]:
    """Lower-case words, each also without a plural s or an adjective's y ("snowy")."""
    out = []
    for word in re.findall(r"[a-z]+", text.lower()):
        out.append(word)
        if word.endswith("s") and not word.endswith("ss"):
            out.append(word[:-1])
        if word.endswith("y") and len(word) > 4:
            out.extend((word[:-1], word[:-1] + "e"))
    return out


def _colour(text: str) -> Floats:
    return np.array([int(text[i : i + 2], 16) for i in (1, 3, 5)], np.float32)


def paint(width: int, height: int, text: str, horizon: int, seed: int) -> NDArray[np.uint8]:
    """(height, width, 3) uint8: the place `text` speaks of, its ground beginning at row `horizon`."""
    words = words_of(text)
    behind = next((PLACES[w] for w in words if w in PLACES), None)
    stated = next((GROUNDS[w] for w in words if w in GROUNDS and not (w == "wood" and "floor" not in words)), None)
    if behind is None:
        indoor = bool({"floor", "table", "desk", "counter", "carpet", "rug", "tile", "lamp"} & set(words))
        behind = PLACES["indoor" if indoor or not stated else "outdoor"]
    ground = stated if stated is not None else GROUNDS[behind.ground]
    rng = np.random.default_rng([seed & 0xFFFFFFFF, len(text), sum(text.encode())])
    top, low = behind.top, behind.low
    light = next((LIGHTS[w] for w in words if w in LIGHTS), None)
    if light is not None and not behind.indoor:
        top, low = light
    canvas = np.empty((height, width, 3), np.float32)
    upper = max(1, horizon)
    ramp = np.linspace(0, 1, upper, dtype=np.float32)[:, None, None]
    canvas[:upper] = _colour(top) * (1 - ramp) + _colour(low) * ramp
    if behind.indoor:
        _wall(canvas[:upper], behind.skyline, rng)
    else:
        _sky(canvas[:upper], behind.skyline, rng)
    if horizon < height:
        canvas[horizon:] = _ground(width, height - horizon, ground, behind.indoor, rng)
        if behind.indoor:
            _skirting(canvas, horizon)
    if light is not None and not behind.indoor and "night" in words:
        canvas[horizon:] *= 0.5
    canvas += rng.normal(0, 1.1, (height, width, 1)).astype(np.float32)  # a little grain against banding
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8)


def noise(rng: np.random.Generator, height: int, width: int, cell_y: float, cell_x: float) -> Floats:
    """(height, width) smooth noise in about [-1, 1] with blobs of that size in px."""
    rows, columns = max(2, round(height / max(1.0, cell_y)) + 1), max(2, round(width / max(1.0, cell_x)) + 1)
    grid = rng.uniform(-1, 1, (rows, columns)).astype(np.float32)
    return np.asarray(cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC), np.float32).reshape(height, width)


def _sky(area: Floats, skyline: str, rng: np.random.Generator) -> None:
    """Soft clouds and a skyline, in place."""
    height, width = area.shape[:2]
    puff = sum(noise(rng, height, width, height / (2.5 * 2**i), width / (2.0 * 2**i)) / 2**i for i in range(4))
    fade = np.linspace(1, 0.25, height, dtype=np.float32)[:, None]
    cover = np.clip((puff - 0.25) * 0.9, 0, 0.75) * fade
    area += (255 - area) * cover[..., None]
    low = area[-1].mean(0)
    rows = np.arange(height, dtype=np.float32)[:, None]

    def ridge(share: float, rough: float, colour: str, haze: float, jagged: bool = False) -> None:
        octaves, fall = (5, 1.6) if jagged else (3, 2.4)
        line = sum(noise(rng, 1, width, 1, width * rough / 2**i)[0] / fall**i for i in range(octaves))
        top = height * (1 - share * (1 + 0.45 * line))
        inside = np.clip(rows - top + 0.5, 0, 1)[..., None]
        tone = _colour(colour) * (1 - haze) + low * haze
        area[:] = area * (1 - inside) + tone * inside

    if skyline == "mountains":
        ridge(0.42, 0.5, "#7C8CA3", 0.45, jagged=True)
        ridge(0.24, 0.35, "#6C7F86", 0.25, jagged=True)
    elif skyline == "hills":
        ridge(0.20, 0.6, "#7E9A86", 0.5)
        ridge(0.10, 0.4, "#7A9868", 0.25)
    elif skyline == "trees":
        ridge(0.30, 0.16, "#6E9372", 0.4)
        ridge(0.19, 0.09, "#55804F", 0.12)
        leaves = noise(rng, height, width, 5, 5)[..., None]
        area[:] = np.where((np.abs(area - _colour("#55804F")).sum(2) < 60)[..., None], area + 7 * leaves, area)
    elif skyline == "city":
        for haze, share, tint in ((0.55, 0.55, "#8794A3"), (0.25, 0.36, "#7C8793")):
            x = -int(rng.integers(0, 20))
            while x < width:
                wide = int(width * rng.uniform(0.06, 0.14))
                top = int(height * (1 - share * rng.uniform(0.5, 1.0)))
                tone = (_colour(tint) + rng.uniform(-10, 10)) * (1 - haze) + low * haze
                left, right = max(0, x), min(width, x + wide)
                if right > left:
                    area[top:, left:right] = tone
                    step = max(6, width // 56)
                    for y in range(top + step, height - step // 2, step):
                        for wx in range(left + step // 2, right - step // 2, step):
                            lit = 26 if rng.random() < 0.35 else -8
                            area[y : y + step // 2, wx : wx + step // 3] += lit * (1 - haze)
                x += wide
    elif skyline == "sea":
        top = int(height * 0.80)
        part = area[top:]
        part[:] = _colour("#5F9BBB") * np.linspace(0.92, 1.12, len(part), dtype=np.float32)[:, None, None]
        part += 5 * noise(rng, len(part), width, 1.5, 26)[..., None]


def _wall(area: Floats, kind: str, rng: np.random.Generator) -> None:
    """Tiles, shelves or a calm wall, in place."""
    height, width = area.shape[:2]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    area += (5 - 12 * (x + 0.25) ** 2)[..., None]  # light from a window on the left
    area += 2.0 * noise(rng, height, width, 60, 60)[..., None]
    if kind == "wall tiles":
        side = max(14, width // 16)
        first = int(height * 0.35)
        lines = np.zeros((height, width), np.float32)
        for row, y in enumerate(range(first, height, side // 2)):
            lines[y : y + 1] = 1
            shift = (side // 2) * (row % 2)
            lines[y : y + side // 2, shift::side] = 1
        lines[:first] = 0
        area -= 13 * cv2.GaussianBlur(lines, (0, 0), 0.6)[..., None]
        area[max(0, first - 3) : first] -= 16
    elif kind == "panel":
        gap = max(60, width // 5)
        for x0 in range(gap // 2, width, gap):
            area[:, x0 : x0 + 1] -= 3
    elif kind == "shelves":
        rows = max(2, height // max(30, height // 4))
        for r in range(rows):
            y0, y1 = int(height * r / rows), int(height * (r + 1) / rows)
            x0 = 0
            while x0 < width:
                wide = int(rng.integers(max(3, width // 90), max(5, width // 36)))
                tall = int((y1 - y0) * rng.uniform(0.5, 0.82))
                tone = area[y0:y1].mean((0, 1)) * 0.5 + np.array(rng.uniform(60, 205, 3), np.float32) * 0.5
                area[max(y0, y1 - 5 - tall) : y1 - 5, x0 : x0 + wide - 1] = tone * 0.94
                x0 += wide
            area[max(0, y1 - 5) : y1] *= 0.78


def _skirting(canvas: Floats, horizon: int) -> None:
    """A board where wall and floor meet."""
    tall = max(3, canvas.shape[0] // 60)
    first = max(0, horizon - tall)
    canvas[first:horizon] = canvas[first:horizon] * 0.35 + 255 * 0.60
    canvas[horizon : horizon + 2] *= 0.80
    shade = np.linspace(0.88, 1, max(2, tall * 3), dtype=np.float32)[:, None, None]
    part = canvas[horizon + 2 : horizon + 2 + len(shade)]
    part *= shade[: len(part)]


def _ground(width: int, rows: int, ground: Ground, indoor: bool, rng: np.random.Generator) -> Floats:
    """(rows, width, 3) ground from its far edge down to the viewer."""
    above = rows * (0.55 if indoor else 0.06) + 2  # the vanishing line lies this far above its far edge
    y = np.arange(rows, dtype=np.float32)[:, None] + 0.5
    z = (rows + above) / (y + above)  # distance: 1 at the lower edge
    x = (np.arange(width, dtype=np.float32)[None, :] + 0.5 - width / 2) / width * z
    near = np.clip(1.2 / z, 0.05, 1)
    tone = np.broadcast_to(_colour(ground.colour), (rows, width, 3)).astype(np.float32)
    shade = np.zeros((rows, width), np.float32)
    depth = np.broadcast_to(np.log(z) * 2.2, (rows, width))

    def sampled(cells: int, across: float, along: float) -> Floats:
        """Noise lying on the ground."""
        texture = rng.uniform(-1, 1, (cells, cells)).astype(np.float32)
        texture = cv2.GaussianBlur(np.tile(texture, (3, 3)), (0, 0), 0.8)[cells : 2 * cells, cells : 2 * cells] * 2
        u = ((x * across + 50) * 1.0) % 1 * cells
        v = np.broadcast_to((z * along) % 1 * cells, u.shape)
        at = u.astype(np.float32), v.astype(np.float32)
        return np.asarray(cv2.remap(texture, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32)

    def lines(values: Floats, wide: float) -> Floats:
        """1 on whole numbers of `values`, fading where they crowd."""
        if min(values.shape) < 2:
            return np.zeros_like(values)
        slope = np.abs(np.gradient(values, axis=0)) + np.abs(np.gradient(values, axis=1)) + 1e-4
        gap = np.abs(values - np.rint(values))
        return np.asarray(np.clip(1.2 - gap / (slope * wide), 0, 1) * np.clip(0.55 / slope, 0, 1), np.float32)

    if ground.pattern == "boards":
        across = x * 7
        board = np.floor(across)
        jitter = rng.uniform(-1, 1, 512).astype(np.float32)
        shade += 7 * jitter[(board.astype(int) * 7) % 512]
        shade += 3.5 * sampled(128, 6.0, 0.35) * near
        shade -= 26 * lines(across, 0.9)
        along = z * 1.6 + jitter[(board.astype(int) * 13) % 512] * 3
        shade -= 16 * lines(np.broadcast_to(along, across.shape).astype(np.float32), 0.9) * near
    elif ground.pattern in ("tiles", "slabs"):
        k = 5.0 if ground.pattern == "tiles" else 3.6
        u, v = (x * k).astype(np.float32), np.broadcast_to(z * k * 0.8, x.shape).astype(np.float32)
        jitter = rng.uniform(-1, 1, 1024).astype(np.float32)
        shade += 5 * jitter[(np.floor(u).astype(int) * 31 + np.floor(v).astype(int) * 17) % 1024] * near
        shade -= 20 * np.maximum(lines(u, 0.9), lines(v, 0.9))
        shade += 3 * sampled(128, 3.0, 1.0) * near
    elif ground.pattern == "grass":
        shade += 8 * noise(rng, rows, width, max(6, rows / 7), width / 5)
        shade += 5 * noise(rng, rows, width, max(3, rows / 20), width / 14)
        blades = rng.normal(0, 1, (rows, width)).astype(np.float32)
        shade += 9 * cv2.GaussianBlur(blades, (0, 0), 0.6, sigmaY=2.2) * 1.6 * near
    elif ground.pattern == "sand":
        shade += 5 * noise(rng, rows, width, max(5, rows / 6), width / 4)
        ripple = np.sin(depth * 9 + 1.6 * noise(rng, rows, width, max(8, rows / 4), width / 6))
        shade += 2.5 * ripple * near
        shade += 3.5 * rng.normal(0, 1, (rows, width)).astype(np.float32) * near
    elif ground.pattern == "snow":
        shade += 6 * noise(rng, rows, width, max(8, rows / 4), width / 3) + 2 * noise(rng, rows, width, 6, 20)
        shade += 1.2 * rng.normal(0, 1, (rows, width)).astype(np.float32) * near
    elif ground.pattern == "water":
        for i in range(4):
            shade += 5.5 * noise(rng, rows, width, max(1.2, rows / (24 * 1.7**i)), width / (6 * 1.6**i)) * (0.35 + near)
        shade -= 14 * (y / rows - 0.4)
    elif ground.pattern == "road":
        shade += 3.5 * rng.normal(0, 1, (rows, width)).astype(np.float32) * near
        shade += 4 * noise(rng, rows, width, max(5, rows / 6), width / 3)
        dash = (np.abs(x) < 0.012) & ((z * 1.3) % 1 < 0.55)
        edge = np.abs(np.abs(x) - 0.62) < 0.012
        paint_on = cv2.GaussianBlur((dash | edge).astype(np.float32), (0, 0), 0.7)
        tone = tone + (np.array([226, 222, 206], np.float32) - tone) * paint_on[..., None] * 0.75
    else:  # cloth
        shade += 3 * noise(rng, rows, width, max(8, rows / 4), width / 4)
        shade += 2.6 * rng.normal(0, 1, (rows, width)).astype(np.float32) * near
    light = 1.04 - 0.10 * (1 - y / rows) if indoor else 1.0 + 0.05 * (y / rows)
    return np.asarray((tone + shade[..., None]) * light[..., None], np.float32)
