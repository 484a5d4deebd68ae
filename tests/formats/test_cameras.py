from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from spacestudio.errors import CameraError
from spacestudio.formats.cameras import check_camera, read_camera, read_poses, stated_depth_scale
from tests.support import DATA, needs_data

RGBD = DATA / "rgbd"


@pytest.mark.parametrize("text", ["525,526.5,319.5,239.5", " 525 526.5 319.5 239.5 ", "525; 526.5; 319.5; 239.5"])
def test_four_numbers(text: str) -> None:
    camera, notes = read_camera(text, 640, 480)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (525, 526.5, 319.5, 239.5)
    assert (camera.width, camera.height, camera.source) == (640, 480, "given")
    assert notes == ()


@needs_data
@pytest.mark.parametrize(
    ("file", "numbers"),
    [
        ("redwood/camera_primesense.json", (525, 525, 319.5, 239.5)),
        ("seven_scenes/camera-intrinsics.txt", (585, 585, 320, 240)),
        ("slambook_ch5/intrinsics.json", (518, 519, 325.5, 253.5)),
        ("nyu/test_annotations.json", (518.8579, 519.46961, 325.58245, 253.73617)),
    ],
)
def test_published_camera_files(file: str, numbers: tuple[float, ...]) -> None:
    for source in (RGBD / file, str(RGBD / file), (RGBD / file).read_text()):
        camera, _ = read_camera(source, 640, 480, "rgb_00000.jpg")
        assert (camera.fx, camera.fy, camera.cx, camera.cy) == pytest.approx(numbers)


@needs_data
def test_kittis_numbers_are_doubted_beside_a_picture_they_may_not_belong_to() -> None:
    _, notes = read_camera(RGBD / "kitti/test_annotations.json", 1242, 375, "rgb_0000000050.png")
    assert any("states no size" in n and "(604, 181)" in n for n in notes)
    assert read_camera(RGBD / "seven_scenes/camera-intrinsics.txt", 640, 480)[1] == ()


def test_a_principal_point_outside_the_picture_is_named() -> None:
    assert any("outside" in n for n in read_camera("500,500,900,240", 640, 480)[1])


def stated(tmp_path: Path, **values: object) -> Path:
    path = tmp_path / "camera.json"
    path.write_text(json.dumps(values))
    return path


def test_another_size_of_the_same_proportions_is_scaled(tmp_path: Path) -> None:
    path = stated(tmp_path, width=640, height=480, fx=500, fy=510, cx=320, cy=240)
    camera, notes = read_camera(path, 320, 240)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (250, 255, 160, 120)
    assert camera.fov_deg == pytest.approx(read_camera(path, 640, 480)[0].fov_deg)
    assert any("scaled" in n for n in notes)
    with pytest.raises(CameraError, match="proportions"):
        read_camera(path, 640, 360)


def test_matrices_by_rows_and_by_columns(tmp_path: Path) -> None:
    rows = [500, 0, 310, 0, 510, 230, 0, 0, 1]
    columns = [500, 0, 0, 0, 510, 0, 310, 230, 1]
    for values in (rows, columns, [rows[:3], rows[3:6], rows[6:]]):
        camera, _ = read_camera(stated(tmp_path, width=640, height=480, intrinsic_matrix=values), 640, 480)
        assert (camera.fx, camera.fy, camera.cx, camera.cy) == (500, 510, 310, 230)
    nested = stated(tmp_path, intrinsic={"width": 640, "height": 480, "intrinsic_matrix": columns}, extrinsic=[])
    assert read_camera(nested, 640, 480)[0].cx == 310


def test_one_camera_a_picture_is_found_by_name(tmp_path: Path) -> None:
    files = [{"rgb": f"x/{n}.png", "cam_in": [500 + i, 500, 320, 240]} for i, n in enumerate(("a", "b"))]
    path = stated(tmp_path, files=files)
    assert read_camera(path, 640, 480, "b.png")[0].fx == 501
    with pytest.raises(CameraError, match=r"none for “c\.png”"):
        read_camera(path, 640, 480, "c.png")


@pytest.mark.parametrize(
    "text",
    ["", "1,2,3", "a,b,c,d", "nan,500,320,240", "0,500,320,240", "-5,500,320,240", "1 2 3\n4 5 6\n7 8 9", "{", "{}", "[]", "[[1]]",
     '{"fx": "x", "fy": 1, "cx": 1, "cy": 1}', '{"K": [1, 2]}', '{"files": []}', '{"files": [{"cam_in": 5}]}', "1e999,1,1,1",
     '{"fx": 1, "fy": 1, "cx": 1, "cy": 1, "width": 0, "height": 4}', "nowhere/camera.txt", "[" * 5000],
)  # fmt: skip
def test_what_is_no_camera_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    with pytest.raises(CameraError) as caught:
        read_camera(text, 640, 480)
    assert "\n" not in str(caught.value)
    path = tmp_path / "camera.txt"
    path.write_text(text)
    with pytest.raises(CameraError):
        read_camera(path, 640, 480)


def rigid(pose: np.ndarray) -> bool:
    turn = pose[:3, :3]
    return pose.shape == (4, 4) and np.allclose(turn @ turn.T, np.eye(3), atol=1e-3) and np.linalg.det(turn) > 0


@needs_data
def test_published_poses() -> None:
    redwood = read_poses(RGBD / "redwood/trajectory.log")
    slambook = read_poses(RGBD / "slambook_ch5/pose.txt")
    scene = read_poses(RGBD / "seven_scenes/frame-000100.pose.txt")
    assert [len(p) for p in (redwood, slambook, scene)] == [5, 5, 1]
    assert all(rigid(p) and p.dtype == np.float64 for p in (*redwood, *slambook, *scene))
    assert redwood[0][:3, 3] == pytest.approx([-0.31058, 0.573012, 2.12648], abs=1e-5)
    assert slambook[0][:3, 3] == pytest.approx([-0.228993, 0.00645704, 0.0287837])
    assert scene[0][0] == pytest.approx([0.7535661, 0.3762490, -0.5389423, -0.8106159], abs=1e-6)


def test_a_quaternion_turns_the_right_way(tmp_path: Path) -> None:
    half = np.sqrt(0.5)
    path = tmp_path / "pose.txt"
    path.write_text(f"1 2 3 0 0 {half} {half}\n")  # a quarter turn about z takes x to y
    pose = read_poses(path)[0]
    assert pose @ [1, 0, 0, 1] == pytest.approx([1, 3, 3, 1])


def test_rows_of_sixteen_and_twelve_numbers(tmp_path: Path) -> None:
    path = tmp_path / "poses.txt"
    path.write_text("1 0 0 5 0 1 0 6 0 0 1 7 0 0 0 1\n" * 2)
    assert [p[:3, 3].tolist() for p in read_poses(path)] == [[5, 6, 7]] * 2
    path.write_text("1 0 0 5 0 1 0 6 0 0 1 7\n")
    assert read_poses(path)[0][3].tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(
    "text", ["", "1 2\n", "x\n", "1 0 0 0\n" * 4, "1 2 3 0 0 0 0\n", "0 0 1\n1 0 0 0\n", "nan 0 0 0\n" * 4]
)
def test_what_is_no_pose_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "poses.txt"
    path.write_text(text)
    with pytest.raises(CameraError):
        read_poses(path)


@needs_data
@pytest.mark.parametrize(
    ("file", "picture", "scale"),
    [("kitti/test_annotations.json", "rgb_0000000050.png", 256), ("nyu/test_annotations.json", "rgb_00000.jpg", 1000),
     ("slambook_ch5/intrinsics.json", "1.png", 1000), ("redwood/camera_primesense.json", "00000.jpg", None),
     ("seven_scenes/camera-intrinsics.txt", "frame-000000.color.jpg", None)],
)  # fmt: skip
def test_published_camera_files_state_their_depth_scale(file: str, picture: str, scale: float | None) -> None:
    assert stated_depth_scale(RGBD / file, picture) == stated_depth_scale(str(RGBD / file), picture) == scale


def test_a_depth_scale_belongs_to_its_picture_and_is_a_number(tmp_path: Path) -> None:
    rows = [{"rgb": f"x/{n}.png", "cam_in": [500 + n, 500, 320, 240], "depth_scale": 100.0 + n} for n in (1, 10)]
    path = stated(tmp_path, files=rows)
    assert [stated_depth_scale(path, n) for n in ("1.png", "rgb_10.png", "x.png")] == [101, 110, None]
    assert read_camera(path, 640, 480, "rgb_10.png")[0].fx == 510
    assert stated_depth_scale("525,525,319.5,239.5") is None
    for bad in (0, -1, "x", True, None, [1]):
        with pytest.raises(CameraError, match="depth scale"):
            stated_depth_scale(stated(tmp_path, fx=1, fy=1, cx=1, cy=1, depth_scale=bad))


@pytest.mark.parametrize("text", ["1,2,3", "a,b,c,d", "{", '{"K": [1, 2]}', "nowhere/camera.txt"])
def test_what_is_no_camera_for_any_picture_is_known_beforehand(text: str) -> None:
    with pytest.raises(CameraError):
        check_camera(text)
    check_camera("525,525,319.5,239.5")
    check_camera('{"files": []}')
