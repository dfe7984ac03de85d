/** From metres of the map to pixels: x to the right (east), y up (north). */
export class MapView {
  centreX = 0;
  centreY = 0;
  pixelsPerMetre = 2;
  width = 1;
  height = 1;

  toPixel(x: number, y: number): [number, number] {
    return [this.width / 2 + (x - this.centreX) * this.pixelsPerMetre, this.height / 2 - (y - this.centreY) * this.pixelsPerMetre];
  }

  toMap(px: number, py: number): [number, number] {
    return [this.centreX + (px - this.width / 2) / this.pixelsPerMetre, this.centreY - (py - this.height / 2) / this.pixelsPerMetre];
  }

  /** Scales about a pixel, which keeps its place on the map. */
  zoomAt(px: number, py: number, factor: number): void {
    const [x, y] = this.toMap(px, py);
    this.pixelsPerMetre = Math.max(0.02, Math.min(200, this.pixelsPerMetre * factor));
    const [nx, ny] = this.toMap(px, py);
    this.centreX += x - nx;
    this.centreY += y - ny;
  }

  /** Shows all the given points (flat x, y) with a margin. */
  fit(xy: ArrayLike<number>, marginShare = 0.08): void {
    let [west, east, south, north] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let i = 0; i + 1 < xy.length; i += 2) {
      west = Math.min(west, xy[i]);
      east = Math.max(east, xy[i]);
      south = Math.min(south, xy[i + 1]);
      north = Math.max(north, xy[i + 1]);
    }
    if (!(east >= west)) return;
    this.centreX = (west + east) / 2;
    this.centreY = (south + north) / 2;
    const usable = 1 - 2 * marginShare;
    this.pixelsPerMetre = Math.max(0.02, Math.min(50, (this.width * usable) / Math.max(1, east - west), (this.height * usable) / Math.max(1, north - south)));
  }
}

/** The largest of 1, 2, 5 × 10ⁿ metres that is at most `maxPixels` long. */
export function scaleBarMetres(pixelsPerMetre: number, maxPixels: number): number {
  const longest = maxPixels / pixelsPerMetre;
  const power = 10 ** Math.floor(Math.log10(longest));
  return [5, 2, 1].map((factor) => factor * power).find((length) => length <= longest) ?? power;
}
