"""Roads that Bramble writes, read by a few lines of Python after the standard's formulas alone. Run by tests/run."""
import json
import math
import xml.etree.ElementTree as xml

from checks import Checks


def numbers(element, *keys):
    return [float(element.get(key)) for key in keys]


def in_force(records, s):
    return [r for r in records if r[0] <= s + 1e-9][-1]


def centre_line(road):
    """s -> (x, y, z) of the reference line."""
    plan, profile = [], []
    for g in road.find("planView"):
        s, x, y, heading, length = numbers(g, "s", "x", "y", "hdg", "length")
        shape = g[0]
        if shape.tag == "line":
            u, v = (0, length, 0, 0), (0, 0, 0, 0)
        else:
            assert (shape.tag, shape.get("pRange")) == ("paramPoly3", "normalized")
            u, v = numbers(shape, "aU", "bU", "cU", "dU"), numbers(shape, "aV", "bV", "cV", "dV")
        plan.append((s, x, y, heading, length, u, v))
    for e in road.find("elevationProfile"):
        profile.append(tuple(numbers(e, "s", "a", "b", "c", "d")))

    def at(s):
        s0, x, y, heading, length, u, v = in_force(plan, s)
        p = (s - s0) / length
        du, dv = (k[0] + p * (k[1] + p * (k[2] + p * k[3])) for k in (u, v))
        z0, a, b, c, d = in_force(profile, s)
        ds = s - z0
        return (x + du * math.cos(heading) - dv * math.sin(heading), y + du * math.sin(heading) + dv * math.cos(heading),
                a + ds * (b + ds * (c + ds * d)))

    assert abs(plan[-1][0] + plan[-1][4] - float(road.get("length"))) < 1e-6
    return at, float(road.get("length"))


def test_the_written_road_is_the_path(checks):
    for scenario in ("tiny", "forest_road"):
        road, points = checks.work / f"{scenario}.xodr", checks.work / f"{scenario}.json"
        checks.run("road", "export", scenario, "-o", road, "--waypoints", points)
        path = json.loads(points.read_text())
        at, length = centre_line(xml.parse(road).getroot().find("road"))
        spacing = length / (len(path) - 1)
        for k, (x, y, z) in enumerate(path):
            s = min(k * spacing, length)
            # Points are evenly spaced to within a fraction of a millimetre.
            assert math.dist(at(s), (x, y, z)) < 0.001, f"{scenario}: point {k}"
        closed = math.dist(path[0], path[-1]) < 1e-9
        assert closed == (scenario == "tiny")


def test_what_is_written_is_read(checks):
    road, again = checks.work / "one.xodr", checks.work / "two.xodr"
    checks.run("road", "export", "tiny", "-o", road)
    scenario = checks.work / "again.yaml"
    scenario.write_text((checks.root / "scenarios/tiny.yaml").read_text().replace("  length_m: 300\n", "  file: one.xodr\n"))
    checks.run("road", "export", scenario, "-o", again)
    one, two = (xml.parse(f).getroot().find("road") for f in (road, again))
    (at, length), (at_again, _) = centre_line(one), centre_line(two)
    assert all(math.dist(at(s)[:2], at_again(s)[:2]) < 0.001 for s in range(int(length)))


def test_a_road_that_is_too_long_is_refused(checks):
    points = checks.work / "far.json"
    points.write_text("[[0, 0], [400, 0]]")
    scenario = checks.work / "far.yaml"
    scenario.write_text("path: {file: far.json}\n")
    done = checks.run("road", "export", scenario, "-o", checks.work / "far.xodr", check=False)
    assert done.returncode == 1 and "400 m x 0 m" in done.stderr and "terrain.size_m" in done.stderr, done.stderr


if __name__ == "__main__":
    Checks().main(globals())
