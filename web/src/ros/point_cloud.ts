/** Points of a PointCloud2 as arrays that a GPU takes. */
import type { PointCloud2, PointField } from "./messages.ts";

const BYTES_OF_DATATYPE = [0, 1, 1, 2, 2, 4, 4, 4, 8];

/** Reads one field of a point at a byte offset, whatever its datatype (sensor_msgs/msg/PointField). */
function getter(view: DataView, field: PointField, littleEndian: boolean): (at: number) => number {
  switch (field.datatype) {
    case 1:
      return (at) => view.getInt8(at + field.offset);
    case 2:
      return (at) => view.getUint8(at + field.offset);
    case 3:
      return (at) => view.getInt16(at + field.offset, littleEndian);
    case 4:
      return (at) => view.getUint16(at + field.offset, littleEndian);
    case 5:
      return (at) => view.getInt32(at + field.offset, littleEndian);
    case 6:
      return (at) => view.getUint32(at + field.offset, littleEndian);
    case 7:
      return (at) => view.getFloat32(at + field.offset, littleEndian);
    case 8:
      return (at) => view.getFloat64(at + field.offset, littleEndian);
    default:
      throw new RangeError(`field ${field.name} has the unknown datatype ${field.datatype}`);
  }
}

export interface Points {
  count: number;
  /** x, y, z of each point in metres, in the cloud's frame. */
  xyz: Float32Array;
  /** One value of the asked field for each point; null when the cloud has none of that name. */
  values: Float32Array | null;
}

/**
 * Takes the finite points out of a cloud, with the first field of `valueNames` that it has. `xyz` and `values` of an
 * earlier result are used again when they are large enough (a cloud arrives 20 times a second).
 */
export function pointsOf(cloud: PointCloud2, valueNames: readonly string[], reuse?: Points): Points {
  const find = (name: string) => cloud.fields.find((field) => field.name === name);
  const [x, y, z] = [find("x"), find("y"), find("z")];
  if (!x || !y || !z) throw new RangeError("a point cloud without the fields x, y and z");
  const total = cloud.width * cloud.height;
  for (const field of cloud.fields) {
    if (field.offset + (BYTES_OF_DATATYPE[field.datatype] ?? 0) > cloud.pointStep) {
      throw new RangeError(`field ${field.name} ends behind its point of ${cloud.pointStep} bytes`);
    }
  }
  const rowStep = cloud.height > 1 ? cloud.rowStep : cloud.width * cloud.pointStep;
  if (cloud.height > 0 && (cloud.height - 1) * rowStep + cloud.width * cloud.pointStep > cloud.data.byteLength) {
    throw new RangeError(`${total} points of ${cloud.pointStep} bytes do not fit into ${cloud.data.byteLength} bytes`);
  }
  const view = new DataView(cloud.data.buffer, cloud.data.byteOffset, cloud.data.byteLength);
  const littleEndian = !cloud.isBigEndian;
  const [getX, getY, getZ] = [x, y, z].map((field) => getter(view, field, littleEndian));
  const valueField = valueNames.map(find).find((field) => field !== undefined);
  const getValue = valueField && getter(view, valueField, littleEndian);
  const xyz = reuse && reuse.xyz.length >= 3 * total ? reuse.xyz : new Float32Array(3 * total);
  const values = !getValue ? null : reuse?.values && reuse.values.length >= total ? reuse.values : new Float32Array(total);
  let count = 0;
  for (let row = 0; row < cloud.height; ++row) {
    let at = row * rowStep;
    for (let column = 0; column < cloud.width; ++column, at += cloud.pointStep) {
      const [px, py, pz] = [getX(at), getY(at), getZ(at)];
      if (!Number.isFinite(px + py + pz)) continue;
      xyz[3 * count] = px;
      xyz[3 * count + 1] = py;
      xyz[3 * count + 2] = pz;
      if (values && getValue) values[count] = getValue(at);
      ++count;
    }
  }
  return { count, xyz, values };
}
