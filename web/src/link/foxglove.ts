/**
 * A client of the Foxglove WebSocket protocol v1 (github.com/foxglove/ws-protocol, docs/spec.md): channels, messages,
 * parameters and publishing. It reconnects by itself and then subscribes again to what is still wanted: the rest of the
 * page names topics and never hears of connections.
 */
import { Backoff } from "./backoff.ts";

export interface Channel {
  id: number;
  topic: string;
  encoding: string;
  schemaName: string;
  schema: string;
  schemaEncoding?: string;
}
export type ParameterValue = number | boolean | string | null | ParameterValue[] | { [key: string]: ParameterValue };
export type MessageHandler = (payload: DataView, channel: Channel) => void;

/** connecting: for the first time or again; open: the server has introduced itself; waiting: until `retryAtMs`. */
export type LinkState =
  | { kind: "connecting"; everOpen: boolean }
  | { kind: "open"; serverName: string }
  | { kind: "waiting"; everOpen: boolean; retryAtMs: number; reason: string };

export interface ServerStatus {
  /** 0 information, 1 warning, 2 error. */
  level: number;
  message: string;
}

interface Subscription {
  handlers: Set<MessageHandler>;
  /** Id on the wire, null while the channel is not there. */
  id: number | null;
}

const SUBPROTOCOL = "foxglove.websocket.v1";
const MESSAGE_DATA = 1;
const HEADER_BYTES = 13; // opcode, subscription id, stamp
const PING_EVERY_MS = 2000;
/** Pings in a row after which nothing was heard. Counted, not timed: a page that itself was held up (a slow machine, a
 *  laptop that slept) finds its messages waiting and must not take its own delay for the server's silence. */
const SILENT_PINGS = 4;

class Listeners<T> {
  private readonly all = new Set<(value: T) => void>();
  add(listener: (value: T) => void): void {
    this.all.add(listener);
  }
  tell(value: T): void {
    for (const listener of this.all) listener(value);
  }
}

export class FoxgloveClient {
  readonly stateChanged = new Listeners<LinkState>();
  readonly channelsChanged = new Listeners<ReadonlyMap<string, Channel>>();
  readonly parameterChanged = new Listeners<{ name: string; value: ParameterValue }>();
  readonly statusReceived = new Listeners<ServerStatus>();
  /** Milliseconds from asking for a parameter to its answer. */
  readonly roundTripMeasured = new Listeners<number>();
  /** Since the page was opened. */
  bytesReceived = 0;
  state: LinkState = { kind: "connecting", everOpen: false };

  private socket: WebSocket | null = null;
  private readonly channels = new Map<string, Channel>();
  private readonly subscriptions = new Map<string, Subscription>();
  private readonly topicOfId = new Map<number, string>();
  private readonly advertised = new Map<string, number>();
  private readonly backoff = new Backoff();
  private nextId = 1;
  private everOpen = false;
  private retryTimer = 0;
  private heard = true;
  private silentPings = 0;
  private pingSentAtMs = 0;
  private pingId = "";

  /** `explainRefusal` is asked after a failed attempt and gives a sentence for people, or "". */
  constructor(
    private readonly url: string,
    private readonly explainRefusal: () => Promise<string> = async () => "",
  ) {
    setInterval(() => this.watch(), PING_EVERY_MS);
  }

  connect(): void {
    clearTimeout(this.retryTimer);
    this.setState({ kind: "connecting", everOpen: this.everOpen });
    const socket = new WebSocket(this.url, [SUBPROTOCOL]);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.silentPings = 0;
    socket.onmessage = (event) => {
      this.heard = true;
      if (typeof event.data === "string") {
        this.bytesReceived += event.data.length;
        this.handleText(event.data);
      } else {
        this.bytesReceived += (event.data as ArrayBuffer).byteLength;
        this.handleBinary(event.data as ArrayBuffer);
      }
    };
    socket.onclose = (event) => {
      if (this.socket === socket) void this.lost(event.reason);
    };
  }

  /** Connects at once instead of at the end of the waiting time. */
  retryNow(): void {
    if (this.state.kind !== "waiting") return;
    this.backoff.reset();
    this.connect();
  }

  channel(topic: string): Channel | undefined {
    return this.channels.get(topic);
  }
  get allChannels(): ReadonlyMap<string, Channel> {
    return this.channels;
  }

  /** Delivers the topic's messages, now or as soon as it is advertised, until the returned function is called. */
  subscribe(topic: string, handler: MessageHandler): () => void {
    let subscription = this.subscriptions.get(topic);
    if (!subscription) {
      subscription = { handlers: new Set(), id: null };
      this.subscriptions.set(topic, subscription);
    }
    subscription.handlers.add(handler);
    this.request(topic, subscription);
    return () => this.unsubscribe(topic, handler);
  }

  setParameter(name: string, value: ParameterValue): void {
    // The id makes the server answer with the value in force, also when it refuses this one.
    this.send({ op: "setParameters", parameters: [{ name, value }], id: `set-${this.nextId++}` });
  }

  publish(topic: string, message: object): void {
    if (this.state.kind !== "open" || !this.socket) return;
    let id = this.advertised.get(topic);
    if (id === undefined) {
      id = this.nextId++;
      this.advertised.set(topic, id);
      this.send({ op: "advertise", channels: [{ id, topic, encoding: "json", schemaName: "" }] });
    }
    const json = new TextEncoder().encode(JSON.stringify(message));
    const frame = new Uint8Array(5 + json.length);
    frame[0] = MESSAGE_DATA;
    new DataView(frame.buffer).setUint32(1, id, true);
    frame.set(json, 5);
    this.socket.send(frame);
  }

  // --- connection ---------------------------------------------------------------------------------------------------
  private setState(state: LinkState): void {
    this.state = state;
    this.stateChanged.tell(state);
  }

  private async lost(reason: string): Promise<void> {
    this.socket = null;
    this.channels.clear();
    this.topicOfId.clear();
    this.advertised.clear();
    for (const subscription of this.subscriptions.values()) subscription.id = null;
    const wait = this.backoff.next();
    const state: LinkState = { kind: "waiting", everOpen: this.everOpen, retryAtMs: performance.now() + wait, reason };
    this.retryTimer = window.setTimeout(() => this.connect(), wait);
    this.setState(state);
    this.channelsChanged.tell(this.channels);
    const explained = reason || (await this.explainRefusal());
    if (this.state === state && explained !== reason) this.setState({ ...state, reason: explained });
  }

  /** A cable pulled sends no close: asks something small now and then, and gives up a connection that stays silent. */
  private watch(): void {
    if (!this.socket || this.state.kind === "waiting") return;
    this.silentPings = this.heard ? 0 : this.silentPings + 1;
    this.heard = false;
    if (this.silentPings >= SILENT_PINGS) {
      const socket = this.socket;
      socket.onclose = null;
      socket.onmessage = null;
      socket.close();
      void this.lost("The server has been silent for a while.");
    } else if (this.state.kind === "open") {
      this.pingId = `ping-${this.nextId++}`;
      this.pingSentAtMs = performance.now();
      this.send({ op: "getParameters", parameterNames: ["/bramble/paused"], id: this.pingId });
    }
  }

  private send(message: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  // --- subscriptions ------------------------------------------------------------------------------------------------
  private request(topic: string, subscription: Subscription): void {
    const channel = this.channels.get(topic);
    if (!channel || subscription.id !== null) return;
    subscription.id = this.nextId++;
    this.topicOfId.set(subscription.id, topic);
    this.send({ op: "subscribe", subscriptions: [{ id: subscription.id, channelId: channel.id }] });
  }

  private unsubscribe(topic: string, handler: MessageHandler): void {
    const subscription = this.subscriptions.get(topic);
    if (!subscription?.handlers.delete(handler) || subscription.handlers.size > 0) return;
    this.subscriptions.delete(topic);
    if (subscription.id === null) return;
    this.topicOfId.delete(subscription.id);
    this.send({ op: "unsubscribe", subscriptionIds: [subscription.id] });
  }

  // --- messages -----------------------------------------------------------------------------------------------------
  private handleText(text: string): void {
    try {
      this.handle(JSON.parse(text) as Record<string, unknown>);
    } catch (error) {
      console.warn(`the server sent what is no message of the protocol: ${String(error)}`);
    }
  }

  private handle(message: Record<string, unknown>): void {
    switch (message.op) {
      case "serverInfo":
        this.everOpen = true;
        this.backoff.reset();
        this.setState({ kind: "open", serverName: String(message.name ?? "") });
        this.send({ op: "getParameters", parameterNames: [], id: "all" });
        this.send({ op: "subscribeParameterUpdates", parameterNames: [] });
        break;
      case "advertise":
        for (const channel of message.channels as Channel[]) {
          this.channels.set(channel.topic, channel);
          const wanted = this.subscriptions.get(channel.topic);
          if (wanted) this.request(channel.topic, wanted);
        }
        this.channelsChanged.tell(this.channels);
        break;
      case "unadvertise": {
        const gone = new Set(message.channelIds as number[]);
        for (const [topic, channel] of this.channels) {
          if (!gone.has(channel.id)) continue;
          this.channels.delete(topic);
          const subscription = this.subscriptions.get(topic);
          if (subscription?.id != null) this.topicOfId.delete(subscription.id);
          if (subscription) subscription.id = null;
        }
        this.channelsChanged.tell(this.channels);
        break;
      }
      case "parameterValues":
        if (message.id === this.pingId && this.pingId) {
          this.roundTripMeasured.tell(performance.now() - this.pingSentAtMs);
          this.pingId = "";
        }
        for (const parameter of message.parameters as { name: string; value?: ParameterValue }[]) {
          if (parameter.value !== undefined) this.parameterChanged.tell({ name: parameter.name, value: parameter.value });
        }
        break;
      case "status":
        this.statusReceived.tell({ level: Number(message.level), message: String(message.message) });
        break;
    }
  }

  private handleBinary(data: ArrayBuffer): void {
    const view = new DataView(data);
    if (view.byteLength < HEADER_BYTES || view.getUint8(0) !== MESSAGE_DATA) return;
    const topic = this.topicOfId.get(view.getUint32(1, true));
    const channel = topic === undefined ? undefined : this.channels.get(topic);
    const subscription = topic === undefined ? undefined : this.subscriptions.get(topic);
    if (!channel || !subscription) return; // unsubscribed while it was on its way
    const payload = new DataView(data, HEADER_BYTES);
    for (const handler of [...subscription.handlers]) {
      try {
        handler(payload, channel);
      } catch (error) {
        console.warn(`${channel.topic}: ${String(error)}`);
      }
    }
  }
}
