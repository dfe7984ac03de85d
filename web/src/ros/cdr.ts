/**
 * Reader of XCDR1, the serialization of ROS 2 messages: a 4-byte encapsulation header, then the fields, each aligned to
 * its own size counted from the end of that header. Both byte orders. Throws RangeError when the bytes end too early.
 */
export class CdrReader {
  private readonly view: DataView;
  private readonly littleEndian: boolean;
  private readonly origin = 4;
  private offset = 4;

  constructor(bytes: DataView) {
    if (bytes.byteLength < 4) throw new RangeError(`a CDR message of ${bytes.byteLength} bytes has no header`);
    this.view = bytes;
    this.littleEndian = (bytes.getUint8(1) & 1) === 1;
  }

  private align(size: number): number {
    const past = (this.offset - this.origin) % size;
    if (past !== 0) this.offset += size - past;
    const at = this.offset;
    this.offset += size;
    return at;
  }

  boolean(): boolean {
    return this.view.getUint8(this.offset++) !== 0;
  }
  uint8(): number {
    return this.view.getUint8(this.offset++);
  }
  int32(): number {
    return this.view.getInt32(this.align(4), this.littleEndian);
  }
  uint32(): number {
    return this.view.getUint32(this.align(4), this.littleEndian);
  }
  float32(): number {
    return this.view.getFloat32(this.align(4), this.littleEndian);
  }
  float64(): number {
    return this.view.getFloat64(this.align(8), this.littleEndian);
  }

  /** UTF-8; the length on the wire counts the closing zero. */
  string(): string {
    const length = this.uint32();
    const bytes = this.take(length);
    return new TextDecoder().decode(length > 0 && bytes[length - 1] === 0 ? bytes.subarray(0, length - 1) : bytes);
  }

  /** sequence<uint8>: a view into the message, not a copy. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.take(this.uint32());
  }

  /** How many elements follow; refuses counts that the rest of the message cannot hold. */
  sequenceLength(bytesOfElement: number): number {
    const count = this.uint32();
    if (count * bytesOfElement > this.view.byteLength - this.offset) {
      throw new RangeError(`a sequence of ${count} elements does not fit into the message`);
    }
    return count;
  }

  private take(length: number): Uint8Array<ArrayBuffer> {
    if (this.offset + length > this.view.byteLength) {
      throw new RangeError(`${length} bytes at ${this.offset} end behind the message of ${this.view.byteLength}`);
    }
    const bytes = new Uint8Array(this.view.buffer as ArrayBuffer, this.view.byteOffset + this.offset, length);
    this.offset += length;
    return bytes;
  }
}
