/** The ROS 2 messages that the page shows, as plain objects; each reader takes a whole CDR message. */
import { CdrReader } from "./cdr.ts";

export interface Header {
  /** Seconds of the stamp; for display and charts. */
  stampS: number;
  /** The stamp exactly, as "sec.nanosec": what pictures of one moment are paired by. */
  stampKey: string;
  frameId: string;
}
export interface Image {
  header: Header;
  height: number;
  width: number;
  encoding: string;
  isBigEndian: boolean;
  /** Bytes of a row. */
  step: number;
  data: Uint8Array<ArrayBuffer>;
}
export interface CompressedImage {
  header: Header;
  /** "jpeg" or "png", perhaps with more words around as image_transport writes them. */
  format: string;
  data: Uint8Array<ArrayBuffer>;
}
export interface PointField {
  name: string;
  offset: number;
  datatype: number;
  count: number;
}
export interface PointCloud2 {
  header: Header;
  height: number;
  width: number;
  fields: PointField[];
  isBigEndian: boolean;
  pointStep: number;
  rowStep: number;
  data: Uint8Array<ArrayBuffer>;
}
export interface Transform {
  header: Header;
  childFrameId: string;
  /** Metres. */
  translation: [number, number, number];
  /** Quaternion x, y, z, w. */
  rotation: [number, number, number, number];
}
/** Flat x, y pairs in metres in the frame of the header. */
export interface PathPoints {
  header: Header;
  xy: Float64Array;
}
export interface Odometry {
  header: Header;
  x: number;
  y: number;
  z: number;
  yawRad: number;
  speedMps: number;
}

function header(cdr: CdrReader): Header {
  const seconds = cdr.int32();
  const nanoseconds = cdr.uint32();
  return { stampS: seconds + nanoseconds * 1e-9, stampKey: `${seconds}.${nanoseconds}`, frameId: cdr.string() };
}

export function readImage(message: DataView): Image {
  const cdr = new CdrReader(message);
  return {
    header: header(cdr),
    height: cdr.uint32(),
    width: cdr.uint32(),
    encoding: cdr.string(),
    isBigEndian: cdr.uint8() !== 0,
    step: cdr.uint32(),
    data: cdr.bytes(),
  };
}

export function readCompressedImage(message: DataView): CompressedImage {
  const cdr = new CdrReader(message);
  return { header: header(cdr), format: cdr.string(), data: cdr.bytes() };
}

export function readPointCloud2(message: DataView): PointCloud2 {
  const cdr = new CdrReader(message);
  const head = header(cdr);
  const height = cdr.uint32();
  const width = cdr.uint32();
  const fields = Array.from({ length: cdr.sequenceLength(13) }, () => ({
    name: cdr.string(),
    offset: cdr.uint32(),
    datatype: cdr.uint8(),
    count: cdr.uint32(),
  }));
  return {
    header: head,
    height,
    width,
    fields,
    isBigEndian: cdr.boolean(),
    pointStep: cdr.uint32(),
    rowStep: cdr.uint32(),
    data: cdr.bytes(),
  };
}

export function readTransforms(message: DataView): Transform[] {
  const cdr = new CdrReader(message);
  return Array.from({ length: cdr.sequenceLength(72) }, () => ({
    header: header(cdr),
    childFrameId: cdr.string(),
    translation: [cdr.float64(), cdr.float64(), cdr.float64()],
    rotation: [cdr.float64(), cdr.float64(), cdr.float64(), cdr.float64()],
  }));
}

export function readPath(message: DataView): PathPoints {
  const cdr = new CdrReader(message);
  const head = header(cdr);
  const count = cdr.sequenceLength(68);
  const xy = new Float64Array(2 * count);
  for (let i = 0; i < count; ++i) {
    header(cdr);
    xy[2 * i] = cdr.float64();
    xy[2 * i + 1] = cdr.float64();
    for (let skipped = 0; skipped < 5; ++skipped) cdr.float64(); // z and the quaternion
  }
  return { header: head, xy };
}

export function yawOf(x: number, y: number, z: number, w: number): number {
  return Math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z));
}

export function readOdometry(message: DataView): Odometry {
  const cdr = new CdrReader(message);
  const head = header(cdr);
  cdr.string(); // child_frame_id
  const [x, y, z] = [cdr.float64(), cdr.float64(), cdr.float64()];
  const yawRad = yawOf(cdr.float64(), cdr.float64(), cdr.float64(), cdr.float64());
  for (let i = 0; i < 36; ++i) cdr.float64(); // covariance of the pose
  return { header: head, x, y, z, yawRad, speedMps: cdr.float64() };
}
