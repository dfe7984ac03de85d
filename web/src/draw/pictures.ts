/**
 * Streams of decoded pictures, one for each topic, shared by all panels that show it. A topic is subscribed while
 * somebody consumes it; when pictures come faster than they are decoded, only the newest is taken.
 */
import type { Channel, FoxgloveClient } from "../link/foxglove.ts";
import { wireTopic } from "../link/topics.ts";
import { readCompressedImage, readImage } from "../ros/messages.ts";
import { toRgba } from "./raw_image.ts";
import type { Mask } from "./difference.ts";

/** Pictures kept for pairing with others of the same stamp. */
const HISTORY = 8;

export class Picture {
  private decodedMask: Mask | null = null;

  constructor(
    readonly stampS: number,
    readonly stampKey: string,
    readonly bitmap: ImageBitmap,
  ) {}

  get width(): number {
    return this.bitmap.width;
  }
  get height(): number {
    return this.bitmap.height;
  }

  /** The picture as class ids: of a mono8 picture red, green and blue are the id. */
  mask(): Mask {
    if (!this.decodedMask) {
      const { width, height } = this;
      scratch.width = width;
      scratch.height = height;
      const context = scratch.getContext("2d", { willReadFrequently: true })!;
      context.drawImage(this.bitmap, 0, 0);
      const rgba = context.getImageData(0, 0, width, height).data;
      const ids = new Uint8Array(width * height);
      for (let i = 0; i < ids.length; ++i) ids[i] = rgba[4 * i];
      this.decodedMask = { width, height, ids };
    }
    return this.decodedMask;
  }
}
const scratch = document.createElement("canvas");

export type PictureConsumer = (picture: Picture) => void;

export class PictureStream {
  private readonly consumers = new Set<PictureConsumer>();
  private readonly history: Picture[] = [];
  private wire: string | undefined;
  private unsubscribe: () => void = () => {};
  private pending: { payload: DataView; channel: Channel } | null = null;
  private decoding = false;

  constructor(
    private readonly client: FoxgloveClient,
    readonly topic: string,
  ) {
    client.channelsChanged.add(() => this.update());
  }

  consume(consumer: PictureConsumer): () => void {
    this.consumers.add(consumer);
    this.update();
    const newest = this.history.at(-1);
    if (newest) consumer(newest);
    return () => {
      this.consumers.delete(consumer);
      this.update();
    };
  }

  /** The picture of that moment, if it is still kept. */
  of(stampKey: string): Picture | undefined {
    return this.history.find((picture) => picture.stampKey === stampKey);
  }

  private update(): void {
    const wire = this.consumers.size > 0 ? wireTopic(this.client.allChannels, this.topic) : undefined;
    if (wire === this.wire) return;
    this.unsubscribe();
    this.wire = wire;
    this.unsubscribe = wire === undefined ? () => {} : this.client.subscribe(wire, (payload, channel) => this.receive(payload, channel));
    if (this.consumers.size === 0) {
      this.pending = null;
      for (const picture of this.history.splice(0)) picture.bitmap.close();
    }
  }

  private receive(payload: DataView, channel: Channel): void {
    this.pending = { payload, channel };
    if (!this.decoding) void this.decodeAll();
  }

  private async decodeAll(): Promise<void> {
    this.decoding = true;
    while (this.pending) {
      const { payload, channel } = this.pending;
      this.pending = null;
      try {
        const picture = await decode(payload, channel);
        if (this.consumers.size === 0) {
          picture.bitmap.close();
          continue;
        }
        this.history.push(picture);
        for (const consumer of [...this.consumers]) consumer(picture);
        while (this.history.length > HISTORY) this.history.shift()!.bitmap.close();
      } catch (error) {
        console.warn(`${channel.topic}: ${String(error)}`);
      }
    }
    this.decoding = false;
  }
}

async function decode(payload: DataView, channel: Channel): Promise<Picture> {
  const exact: ImageBitmapOptions = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  if (channel.schemaName.endsWith("CompressedImage")) {
    const { header, format, data } = readCompressedImage(payload);
    const type = format.includes("png") ? "image/png" : "image/jpeg";
    return new Picture(header.stampS, header.stampKey, await createImageBitmap(new Blob([data], { type }), exact));
  }
  const image = readImage(payload);
  const pixels = new ImageData(toRgba(image), image.width, image.height);
  return new Picture(image.header.stampS, image.header.stampKey, await createImageBitmap(pixels, exact));
}

export class PictureStreams {
  private readonly streams = new Map<string, PictureStream>();

  constructor(private readonly client: FoxgloveClient) {}

  of(topic: string): PictureStream {
    let stream = this.streams.get(topic);
    if (!stream) {
      stream = new PictureStream(this.client, topic);
      this.streams.set(topic, stream);
    }
    return stream;
  }
}
