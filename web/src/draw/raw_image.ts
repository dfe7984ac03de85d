/** Uncompressed sensor_msgs/msg/Image → RGBA, for sources without compressed channels. */
import type { Image } from "../ros/messages.ts";
import { colourTable } from "./colours.ts";

/** Byte positions of red, green and blue in a pixel, and the pixel's size. */
const BYTE_ORDER: Record<string, readonly [number, number, number, number]> = {
  bgra8: [2, 1, 0, 4],
  rgba8: [0, 1, 2, 4],
  bgr8: [2, 1, 0, 3],
  rgb8: [0, 1, 2, 3],
  "8UC3": [2, 1, 0, 3],
  "8UC4": [2, 1, 0, 4],
  mono8: [0, 0, 0, 1],
  "8UC1": [0, 0, 0, 1],
};
/** Metres at which the colours of a depth picture end. */
const FAR_M = 60;

/** Opaque RGBA pixels; depth (32FC1) in viridis over 0…60 m. Throws for encodings that are no pictures. */
export function toRgba(image: Image): Uint8ClampedArray<ArrayBuffer> {
  const out = new Uint8ClampedArray(4 * image.width * image.height);
  const order = BYTE_ORDER[image.encoding];
  const bytesOfPixel = order ? order[3] : image.encoding === "32FC1" ? 4 : 0;
  if (bytesOfPixel === 0) throw new RangeError(`pictures of encoding ${image.encoding} cannot be shown`);
  if (image.height > 0 && (image.height - 1) * image.step + image.width * bytesOfPixel > image.data.byteLength) {
    throw new RangeError(`${image.width}x${image.height} pixels do not fit into ${image.data.byteLength} bytes`);
  }
  const view = new DataView(image.data.buffer, image.data.byteOffset, image.data.byteLength);
  const table = order ? null : colourTable("viridis");
  for (let v = 0, to = 0; v < image.height; ++v) {
    let from = v * image.step;
    for (let u = 0; u < image.width; ++u, from += bytesOfPixel, to += 4) {
      if (order) {
        out[to] = image.data[from + order[0]];
        out[to + 1] = image.data[from + order[1]];
        out[to + 2] = image.data[from + order[2]];
      } else if (table) {
        const share = Math.min(1, view.getFloat32(from, !image.isBigEndian) / FAR_M);
        const at = 3 * Math.round(255 * (share > 0 ? share : 0));
        out.set(table.subarray(at, at + 3), to);
      }
      out[to + 3] = 255;
    }
  }
  return out;
}
