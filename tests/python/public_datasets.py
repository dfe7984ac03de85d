"""Small data sets in the layouts that public data sets are published in, written with NumPy and OpenCV alone.

Each function writes one below `root` and returns {split: [(picture RGB, class names per pixel)]}, in order of the file
names; a name of None means: no class. Nothing of the data sets themselves is used, only their layouts and numbers.
"""
import csv
import json

import cv2
import numpy

SIZE = (24, 32)  # rows, columns


class Maker:
    """Random pictures with random labels out of (number, name, RGB); name None: ignored."""

    def __init__(self, classes, seed=1):
        self.random = numpy.random.default_rng(seed)
        self.classes = classes

    def pair(self):
        picture = self.random.integers(0, 256, (*SIZE, 3), dtype=numpy.uint8)
        choice = self.random.integers(0, len(self.classes), SIZE)
        # Blocks, as labels are.
        choice = numpy.kron(choice[::4, ::4], numpy.ones((4, 4), int))[: SIZE[0], : SIZE[1]]
        numbers = numpy.array([number for number, _, _ in self.classes])[choice]
        colors = numpy.array([color for _, _, color in self.classes], numpy.uint8)[choice]
        names = numpy.array([name for _, name, _ in self.classes], object)[choice]
        return picture, numbers, colors, names


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    assert cv2.imwrite(str(path), image), path


RELLIS = [(0, None, (0, 0, 0)), (1, "dirt", (108, 64, 20)), (3, "grass", (0, 102, 0)), (4, "tree", (0, 255, 0)), (6, "water", (0, 128, 255)),
          (7, "sky", (0, 0, 255)), (19, "bush", (255, 153, 204)), (27, "barrier", (41, 121, 255)), (31, "puddle", (134, 255, 239)),
          (33, "mud", (99, 66, 34)), (34, "rubble", (110, 22, 138))]


def rellis3d(root):
    maker, truth = Maker(RELLIS), {}
    for sequence, split, first in (("00000", "train", 100), ("00003", "val", 7), ("00004", "test", 2000)):
        lines = []
        for frame in range(first, first + 3):
            picture, numbers, colors, names = maker.pair()
            stem = f"frame{frame:06}-15816246{frame % 100:02}_{149 + frame % 10}"
            save(root / sequence / "pylon_camera_node" / f"{stem}.png", picture)
            save(root / sequence / "pylon_camera_node_label_id" / f"{stem}.png", numbers.astype(numpy.uint8))
            save(root / sequence / "pylon_camera_node_label_color" / f"{stem}.png", colors)
            lines.append(f"{sequence}/pylon_camera_node/{stem}.png {sequence}/pylon_camera_node_label_id/{stem}.png\n")
            truth.setdefault(split, []).append((picture, names))
            points = maker.random.normal(size=(40, 4)).astype("<f4")
            labels = maker.random.choice([n for n, _, _ in RELLIS], 40).astype("<u4")
            for folder, name, data in (("os1_cloud_node_kitti_bin", f"{frame:06}.bin", points),
                                       ("os1_cloud_node_semantickitti_label_id", f"{frame:06}.label", labels)):
                (root / sequence / folder).mkdir(exist_ok=True)
                data.tofile(root / sequence / folder / name)
        (root / f"{split}.lst").write_text("".join(lines))
    return truth


RUGD = [(0, None, (0, 0, 0)), (1, "dirt", (108, 64, 20)), (3, "grass", (0, 102, 0)), (9, "container/generic-object", (255, 0, 127)),
        (14, "rock-bed", (102, 102, 0)), (24, "picnic-table", (114, 85, 47))]


def rugd(root):
    maker, truth = Maker(RUGD), {}
    for scene, split in (("creek", "test"), ("park-8", "val"), ("trail-3", "train"), ("village", "train")):
        for frame in (1, 26):
            picture, _, colors, names = maker.pair()
            save(root / "RUGD_frames-with-annotations" / scene / f"{scene}_{frame:05}.png", picture)
            save(root / "RUGD_annotations" / scene / f"{scene}_{frame:05}.png", colors)
            truth.setdefault(split, []).append((picture, names))
    return truth


GOOSE = [(0, None, (0, 0, 0)), (2, "snow", (209, 87, 160)), (17, "bush", (128, 150, 147)), (50, "low_grass", (12, 189, 102)), (59, "hedge", (209, 87, 160)),
         (63, "military_vehicle", (64, 64, 64))]


def goose(root):
    maker, truth = Maker(GOOSE), {}
    for split, scene in (("train", "2022-07-22_flight"), ("val", "2022-09-21_garching_uebungsplatz_2")):
        for frame in (12, 345):
            picture, numbers, colors, names = maker.pair()
            key = f"{scene}__{frame:04}_16585036{frame:05}12345678"
            save(root / "images" / split / scene / f"{key}_windshield_vis.png", picture)
            save(root / "labels" / split / scene / f"{key}_labelids.png", numbers.astype(numpy.uint8))
            save(root / "labels" / split / scene / f"{key}_color.png", colors)
            save(root / "labels" / split / scene / f"{key}_instanceids.png", 0 * numbers.astype(numpy.uint8))
            truth.setdefault(split, []).append((picture, names))
    picture, *_ = maker.pair()  # test labels are not published
    save(root / "images" / "test" / "scene" / "scene__0001_1658503600012345678_windshield_vis.png", picture)
    return truth


WILDSCENES = [(0, None, (0, 0, 0)), (2, "dirt", (60, 180, 75)), (8, "tree-foliage", (210, 245, 60)), (17, "sky", (0, 0, 128)), (18, "grass", (128, 128, 128))]


def wildscenes(root):
    maker, truth, lists = Maker(WILDSCENES), {}, {}
    for sequence, split in (("K-01", "train"), ("V-02", "test")):
        for frame in (1, 2):
            picture, numbers, colors, names = maker.pair()
            stem = f"162443{frame}000-{frame}00000007"
            base = root / "WildScenes2d" / sequence
            save(base / "image" / f"{stem}.png", picture)
            save(base / "indexLabel" / f"{stem}.png", numbers.astype(numpy.uint8))
            save(base / "label" / f"{stem}.png", colors)
            lists.setdefault(split, []).append([stem, f"WildScenes2d/{sequence}/image/{stem}.png", f"WildScenes2d/{sequence}/indexLabel/{stem}.png"])
            truth.setdefault(split, []).append((picture, names))
    (root / "splits").mkdir()
    for split, rows in lists.items():
        with open(root / "splits" / f"{split}.csv", "w", newline="") as file:
            csv.writer(file).writerows([["id", "im_path", "label_path"], *rows])
    return truth


CAMVID = [(0, "Sky", (128, 128, 128)), (3, "Road", (128, 64, 128)), (10, "Bicyclist", (0, 128, 192)), (11, None, (0, 0, 0))]


def camvid(root):
    maker, truth = Maker(CAMVID), {}
    for split in ("train", "val", "test"):
        lines = []
        for frame in (30, 60):
            picture, numbers, _, names = maker.pair()
            name = f"0001TP_{frame:06}.png"
            save(root / split / name, picture)
            save(root / f"{split}annot" / name, numbers.astype(numpy.uint8))
            lines.append(f"/SegNet/CamVid/{split}/{name} /SegNet/CamVid/{split}annot/{name}\n")
            truth.setdefault(split, []).append((picture, names))
        (root / f"{split}.txt").write_text("".join(lines))
    return truth


CITYSCAPES = [(0, None, (0, 0, 0)), (7, "road", (128, 64, 128)), (22, "terrain", (152, 251, 152)), (33, "bicycle", (119, 11, 32)), (14, None, (180, 165, 180))]


def cityscapes(root):
    maker, truth = Maker(CITYSCAPES), {}
    for split, city in (("train", "aachen"), ("val", "lindau")):
        for frame in (19, 20):
            picture, numbers, colors, names = maker.pair()
            key = f"{city}_000000_{frame:06}"
            save(root / "leftImg8bit" / split / city / f"{key}_leftImg8bit.png", picture)
            save(root / "gtFine" / split / city / f"{key}_gtFine_labelIds.png", numbers.astype(numpy.uint8))
            save(root / "gtFine" / split / city / f"{key}_gtFine_color.png", colors)
            truth.setdefault(split, []).append((picture, names))
    return truth


COCO = [(0, None, (0, 0, 0)), (1, "person", (220, 20, 60)), (44, "bottle", (1, 2, 3)), (90, "toothbrush", (7, 7, 7))]


def coco_categories():
    return [{"id": number, "name": name, "supercategory": "thing", "isthing": 1, "color": color} for number, name, color in COCO if name]


def run_lengths(mask):
    flat = numpy.concatenate([[0], mask.flatten(order="F"), [2]])
    edges = numpy.flatnonzero(numpy.diff(flat)) if flat[1] == 0 else numpy.concatenate([[0], numpy.flatnonzero(numpy.diff(flat[1:])) + 1])
    edges = numpy.concatenate([edges, [mask.size]]) if edges[-1] != mask.size else edges
    return numpy.diff(numpy.concatenate([[0], edges])).tolist()


def compressed(counts):
    """COCO's text form, after maskApi.c: rleToString."""
    text = ""
    for i, count in enumerate(counts):
        x = count - (counts[i - 2] if i > 2 else 0)
        while True:
            c = x & 0x1F
            x >>= 5
            more = x != -1 if c & 0x10 else x != 0
            text += chr((c | 0x20 if more else c) + 48)
            if not more:
                break
    return text


def coco(root):
    maker, truth = Maker(COCO), {}
    for split in ("train2017", "val2017"):
        images, annotations = [], []
        for frame in (9, 25):
            picture, numbers, _, names = maker.pair()
            name = f"{frame:012}.png"
            save(root / split / name, picture)
            images.append({"id": frame, "file_name": name, "height": SIZE[0], "width": SIZE[1]})
            for number in sorted(set(numbers.flatten()) - {0}):
                mask = (numbers == number).astype(int)
                counts = run_lengths(mask)
                segmentation = {"size": list(SIZE), "counts": compressed(counts) if frame == 9 else counts}
                annotations.append({"id": len(annotations) + 1, "image_id": frame, "category_id": int(number), "iscrowd": 1,
                                    "area": int(mask.sum()), "bbox": [0, 0, 1, 1], "segmentation": segmentation})
            # A polygon in front: small, so that it must be painted last.
            annotations.append({"id": len(annotations) + 1, "image_id": frame, "category_id": 90, "iscrowd": 0, "area": 12,
                                "bbox": [2, 3, 4, 3], "segmentation": [[2, 3, 6, 3, 6, 6, 2, 6]]})
            names[3:6, 2:6] = "toothbrush"
            truth.setdefault(split.removesuffix("2017"), []).append((picture, names))
        (root / "annotations").mkdir(exist_ok=True)
        (root / "annotations" / f"instances_{split}.json").write_text(json.dumps({"images": images, "annotations": annotations, "categories": coco_categories()}))
    return truth


def coco_panoptic(root):
    maker, truth = Maker(COCO), {}
    for split in ("train2017", "val2017"):
        images, annotations = [], []
        for frame in (9, 25):
            picture, numbers, _, names = maker.pair()
            name = f"{frame:012}.png"
            save(root / split / name, picture)
            segments = {number: 70000 + 1000 * int(number) for number in set(numbers.flatten()) - {0}}
            ids = numpy.zeros(SIZE, int)
            for number, segment in segments.items():
                ids[numbers == number] = segment
            save(root / "annotations" / f"panoptic_{split}" / name, numpy.stack([ids % 256, ids // 256 % 256, ids // 65536], -1).astype(numpy.uint8))
            images.append({"id": frame, "file_name": name, "height": SIZE[0], "width": SIZE[1]})
            annotations.append({"image_id": frame, "file_name": name,
                                "segments_info": [{"id": s, "category_id": int(n), "iscrowd": 0, "area": 1, "bbox": [0, 0, 1, 1]} for n, s in segments.items()]})
            truth.setdefault(split.removesuffix("2017"), []).append((picture, names))
        (root / "annotations" / f"panoptic_{split}.json").write_text(json.dumps({"images": images, "annotations": annotations, "categories": coco_categories()}))
    return truth


def semantickitti(root):
    """Returns {split: [(points, labels)]} with labels as names."""
    random, truth = numpy.random.default_rng(3), {}
    names = {0: None, 10: "car", 40: "road", 252: "car", 81: "traffic-sign", 99: None}
    for sequence, split in (("00", "train"), ("08", "val")):
        base = root / "sequences" / sequence
        for folder in ("velodyne", "labels"):
            (base / folder).mkdir(parents=True)
        for frame in range(2):
            points = random.normal(size=(64, 4)).astype("<f4")
            raw = random.choice(list(names), 64).astype("<u4")
            points.tofile(base / "velodyne" / f"{frame:06}.bin")
            (raw | random.integers(0, 500, 64).astype("<u4") << 16).astype("<u4").tofile(base / "labels" / f"{frame:06}.label")
            truth.setdefault(split, []).append((points, [names[int(r)] for r in raw]))
        (base / "times.txt").write_text("0.000000e+00\n1.036000e-01\n")
    return truth


PICTURES = {"rellis3d": rellis3d, "rugd": rugd, "goose": goose, "wildscenes": wildscenes, "camvid": camvid, "cityscapes": cityscapes,
            "coco": coco, "coco-panoptic": coco_panoptic}
