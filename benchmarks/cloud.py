"""A 640 x 480 depth map and its photo to a coloured cloud in a binary PLY file.

    .venv/bin/python benchmarks/cloud.py

Ours (unproject, colour, object ids, 19 bytes a point) against Open3D's own constructor and writer on the same
frame, and against the physical limits: writing as many ready bytes to a file, and copying them in memory. All in the same
rounds of one run. `FULL=1` takes 50 rounds.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.timing import medians, ms, table
from spacestudio.domain.camera import Camera
from spacestudio.domain.depth import DepthMap
from spacestudio.formats.ply import read_ply, write_ply
from spacestudio.geometry import open3d_room
from spacestudio.geometry.unproject import to_cloud

WIDTH, HEIGHT = 640, 480
ROUNDS = 50 if os.environ.get("FULL") else 15


def main() -> None:
    """Measure, check that both clouds agree, print."""
    rng = np.random.default_rng(0)
    smooth = np.linspace(1, 4, WIDTH, dtype=np.float32)[None, :] + np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None]
    values = smooth + rng.normal(0, 0.01, (HEIGHT, WIDTH)).astype(np.float32)
    image = rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    depth, camera = DepthMap.of(values, "metric"), Camera.assumed(WIDTH, HEIGHT)
    with tempfile.TemporaryDirectory() as folder:
        mine, copied, theirs = (Path(folder) / name for name in ("ours.ply", "copy.bin", "open3d.ply"))
        write_ply(to_cloud(image, depth, camera), mine)
        ready = mine.read_bytes()
        tasks = {
            "spacestudio: cloud + write": lambda: write_ply(to_cloud(image, depth, camera), mine),
            "spacestudio: cloud alone": lambda: to_cloud(image, depth, camera),
            "writing the same bytes, ready made": lambda: copied.write_bytes(ready),
            "copying the same bytes in memory": lambda: bytearray(ready),
        }
        peer = open3d_task(image, values, camera, theirs)
        if peer is not None:
            tasks["Open3D: create_from_rgbd_image + write"] = peer
        found = medians(tasks, ROUNDS)
        points = WIDTH * HEIGHT
        base = found["spacestudio: cloud + write"]
        sizes = {"spacestudio: cloud + write": mine, "Open3D: create_from_rgbd_image + write": theirs}
        rows = []
        for name, t in found.items():
            weight = f"{sizes[name].stat().st_size / points:.0f} B" if name in sizes else ""
            rows.append([name, ms(t), f"{points / t / 1e6:.1f} M/s", f"{t / base:.2f} x", weight])
        if peer is not None:
            ours, other = read_ply(mine, "m"), read_ply(theirs, "m")
            np.testing.assert_allclose(ours.points_camera, other.points_camera, atol=1e-4)
            assert (np.abs(ours.colors.astype(int) - other.colors) <= 1).all(), "the colours differ"
    print(
        table(
            f"Depth to cloud, one {WIDTH} x {HEIGHT} frame, median of {ROUNDS}",
            ["", "time", "points", "to ours", "a point"],
            rows,
        )
    )
    print(open3d_room.available() or f"{open3d_room.backend()}: both files hold the same points and colours.")


def open3d_task(image, values, camera, path):
    """Open3D's own way on the same frame; None where it can't be used."""
    if open3d_room.available() is not None:
        return None
    import open3d as o3d

    lens = o3d.camera.PinholeCameraIntrinsic(WIDTH, HEIGHT, camera.fx, camera.fy, camera.cx, camera.cy)

    def run():
        rgbd = o3d.geometry.RGBDImage.create_from_color_and_depth(
            o3d.geometry.Image(image), o3d.geometry.Image(values), 1.0, 1000.0, convert_rgb_to_intensity=False
        )
        cloud = o3d.geometry.PointCloud.create_from_rgbd_image(rgbd, lens)
        o3d.io.write_point_cloud(str(path), cloud)

    return run


if __name__ == "__main__":
    main()
