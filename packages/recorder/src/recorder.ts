import { record } from '@rrweb/record';
import { EventType, type eventWithTime } from '@rrweb/types';
import { Buffer } from './buffer';
import { captureClicks } from './capture/clicks';
import { captureConsole } from './capture/console';
import { captureErrors } from './capture/errors';
import { captureFetch, type NetworkConfig } from './capture/fetch';
import { captureLongFrames } from './capture/long-frames';
import { captureNavigation } from './capture/navigation';
import { captureXhr } from './capture/xhr';
import { gzipOf } from './compress';
import { type CustomPayloads, type EmitCustom } from './custom-events';
import { EventFilter } from './event-filter';
import { Faults } from './faults';
import { uuidv7 } from './ids';
import { Limiter } from './limiter';
import { type Settings } from './options';
import { watchPageLife } from './page-life';
import { BLOCK_CLASS, BLOCK_SELECTOR, IGNORE_CLASS, IGNORE_SELECTOR, Privacy } from './privacy';
import { Sender } from './sender';
import { SESSION_KEY, SessionKeeper } from './session';
import { webStorage } from './storage';
import { cut } from './text';
import { scrubUrl } from './url';
import { WindowIdentity } from './window-identity';
import { type Reply, type Segment, type SegmentContext, type User } from './wire';

/** Room for the header line of a segment that has to fit into a keepalive request. */
const HEADER_ROOM_BYTES = 4 * 1024;
const URL_BYTES = 4096;

/** Records one page of one window from `start` to `stop`. */
export class Recorder {
  private readonly now = () => Date.now();
  private readonly faults = new Faults();
  private readonly limiters = {
    console: new Limiter(100, 10_000, this.now),
    error: new Limiter(50, 10_000, this.now),
    long_frame: new Limiter(10, 10_000, this.now),
  };
  private readonly privacy: Privacy;
  private readonly filter: EventFilter;
  private readonly session: SessionKeeper;
  private readonly window: WindowIdentity;
  private readonly sender: Sender;
  private readonly buffer: Buffer;
  private readonly undo: Array<() => void> = [];

  /** The session that is being recorded; undefined while none is. */
  private recording: SegmentContext['session'] | undefined;
  private stopRecording: (() => void) | undefined;
  private pageId: string;
  private user: User | undefined;
  /** rrweb takes its first snapshot when the document is parsed; before, it cannot take another. */
  private snapshotTaken = false;
  /** Events were lost: what follows cannot be replayed until the next snapshot. */
  private snapshotWanted = false;
  /** The server refused a snapshot of this page; another one would be refused as well. */
  private snapshotRefused = false;

  constructor(private readonly settings: Settings) {
    this.privacy = new Privacy(settings.privacyMode);
    this.filter = new EventFilter(this.privacy, record.mirror);
    this.session = new SessionKeeper({
      storage: webStorage(() => window.localStorage),
      now: this.now,
      sample: () => Math.random() < settings.sampleRate,
    });
    this.window = new WindowIdentity(
      webStorage(() => window.sessionStorage),
      this.now
    );
    this.pageId = uuidv7(this.now());
    this.sender = new Sender({
      url: settings.segmentsUrl,
      key: settings.key,
      fetch: window.fetch.bind(window),
      compress: gzipOf(),
      now: this.now,
      random: Math.random,
      tokenOf: (sessionId) => this.tokenOf(sessionId),
      takeSeq: (sessionId, skip) => this.window.takeSeq(sessionId, skip),
      onStored: (segment, reply, caughtUp) => this.onStored(segment, reply, caughtUp),
      onDropped: (segment, events, reason) => this.onDropped(segment, events, reason),
      onStop: () => this.shutDown(),
    });
    this.buffer = new Buffer({
      context: () => this.context(),
      onSegment: (segment) => this.sender.enqueue(segment),
    });
  }

  start(): void {
    this.undo.push(
      () => this.window.release(),
      watchPageLife(
        window,
        {
          onVisibility: (state) => this.onVisibility(state),
          onHide: (final) => this.onHide(final),
          onRestore: () => this.onRestore(),
          onActivity: () => this.onActivity(),
          onOnline: () => this.sender.retryNow(),
        },
        this.faults
      ),
      this.watchSiblings(),
      ...this.captureNetwork()
    );
    if (this.session.current().sampled) {
      this.beginRecording();
    }
  }

  /** Ends recording; what was recorded is still sent. */
  stop(): void {
    this.emit('state', { state: 'stopped' });
    this.buffer.seal();
    this.shutDown();
  }

  identify(user: User): void {
    const attributes = toStrings(user.attributes);
    this.user = { id: cut(String(user.id), 256), attributes };
    this.emit('identify', { 'user.id': this.user.id, attributes });
  }

  track(name: string, attributes?: Record<string, unknown>): void {
    this.emit('custom', { name: cut(String(name)), attributes: toStrings(attributes) });
  }

  sessionId(): string {
    return this.session.current().id;
  }

  private beginRecording(): void {
    const { faults, limiters, privacy } = this;
    const emit: EmitCustom = (kind, payload) => this.emit(kind, payload);
    this.recording = this.session.current();
    this.snapshotTaken = false;
    const stopRrweb = record<eventWithTime>({
      emit: faults.guard((event: eventWithTime) => this.onEvent(event)),
      errorHandler: (error) => void faults.run(() => this.onRrwebError(error)),
      recordAfter: 'DOMContentLoaded',
      blockClass: BLOCK_CLASS,
      blockSelector: BLOCK_SELECTOR,
      ignoreClass: IGNORE_CLASS,
      ignoreSelector: IGNORE_SELECTOR,
      slimDOMOptions: true,
      inlineStylesheet: true,
      recordCanvas: false,
      collectFonts: false,
      inlineImages: false,
      userTriggeredOnInput: true,
      sampling: { mousemove: 50, mousemoveCallback: 500, scroll: 150, media: 800 },
    });
    const undo = [
      () => stopRrweb?.(),
      captureClicks(window, record.mirror, privacy, emit, faults),
      captureConsole(window.console, emit, limiters.console, faults),
      captureErrors(window, emit, limiters.error, faults),
      captureNavigation(window, emit, faults),
      captureLongFrames(emit, limiters.long_frame, faults),
    ];
    this.stopRecording = () => undo.forEach((stop) => faults.run(stop));
    this.emit('state', { state: 'started' });
  }

  private endRecording(): void {
    this.stopRecording?.();
    this.stopRecording = undefined;
    this.recording = undefined;
  }

  private shutDown(): void {
    this.endRecording();
    this.undo.splice(0).forEach((restore) => this.faults.run(restore));
  }

  private onEvent(event: eventWithTime): void {
    if (!this.recording || event.type === EventType.DomContentLoaded || this.session.idle()) {
      return;
    }
    this.filter.apply(event);
    if (event.type === EventType.Meta) {
      // A page, or a checkout, begins a segment.
      this.buffer.seal();
      this.buffer.add(event);
    } else if (event.type === EventType.FullSnapshot) {
      this.buffer.addSnapshot(event);
      this.snapshotTaken = true;
      this.snapshotWanted = false;
    } else {
      this.buffer.add(event);
    }
  }

  private emit<K extends keyof CustomPayloads>(kind: K, payload: CustomPayloads[K]): void {
    if (this.recording && !this.session.idle()) {
      this.buffer.add({
        type: EventType.Custom,
        timestamp: this.now(),
        data: { tag: 'playhead.' + kind, payload },
      });
    }
  }

  private onActivity(): void {
    if (this.session.touch()) {
      this.changeSession();
    }
  }

  /** Another session has begun, here or in another tab. */
  private changeSession(): void {
    // What is in the buffer belongs to the session before.
    this.buffer.seal();
    const session = this.session.current();
    if (!session.sampled) {
      this.endRecording();
    } else if (!this.recording) {
      this.beginRecording();
    } else {
      this.recording = session;
      this.takeSnapshot();
    }
  }

  private takeSnapshot(): void {
    if (this.recording && this.snapshotTaken) {
      record.takeFullSnapshot();
    }
  }

  private onVisibility(state: DocumentVisibilityState): void {
    this.emit('visibility', { state });
    if (state === 'visible' && this.session.adopt()) {
      this.changeSession();
    }
  }

  private onHide(final: boolean): void {
    this.buffer.seal(final, this.sender.keepaliveRoom() - HEADER_ROOM_BYTES);
    this.sender.flushOnHide();
    this.window.release();
  }

  private onRestore(): void {
    this.window.hold();
    this.pageId = uuidv7(this.now());
    if (this.session.touch()) {
      this.changeSession();
    } else {
      this.takeSnapshot();
    }
  }

  /** A hidden tab joins the session that another tab began only when it is seen or used again. */
  private watchSiblings(): () => void {
    const onStorage = this.faults.guard((event: StorageEvent) => {
      if (event.key === SESSION_KEY && document.visibilityState === 'visible' && this.session.adopt()) {
        this.changeSession();
      }
    });
    window.addEventListener('storage', onStorage);
    return () => window.removeEventListener('storage', onStorage);
  }

  private captureNetwork(): Array<() => void> {
    const config: NetworkConfig = {
      pageOrigin: () => window.location.origin,
      traceOrigins: this.settings.traceOrigins,
      sessionId: () => this.session.current().id,
      // A trace is asked for only where a replay will link to it. A tracer below us would overwrite our header.
      startsTraces: () => this.recording !== undefined && !('__original' in window.fetch),
      isOwn: (url) => url.href.startsWith(this.settings.segmentsUrl),
      now: this.now,
      emit: (request) => this.emit('request', request),
    };
    return [captureFetch(window, config, this.faults), captureXhr(XMLHttpRequest, config, this.faults)];
  }

  private onStored(segment: Segment, reply: Reply, caughtUp: boolean): void {
    if (reply.token) {
      this.session.setToken(segment.context.session.id, reply.token);
    }
    const current = segment.context.session.id === this.recording?.id;
    const wanted = (reply.snapshot && current && !segment.snapshot) || (this.snapshotWanted && caughtUp);
    if (wanted && !this.snapshotRefused) {
      this.takeSnapshot();
    }
  }

  private onDropped(segment: Segment, events: number, reason: string): void {
    if (segment.snapshot) {
      this.snapshotRefused = true;
    }
    this.snapshotWanted = true;
    this.emit('state', { state: 'dropped', reason, count: events });
  }

  private onRrwebError(error: unknown): never {
    throw error;
  }

  private tokenOf(sessionId: string): string | undefined {
    const session = this.session.current();
    return session.id === sessionId ? session.token : undefined;
  }

  private context(): SegmentContext {
    const { release, environment } = this.settings;
    const { id, previousId } = this.recording ?? this.session.current();
    return {
      session: { id, previousId },
      windowId: this.window.id,
      pageId: this.pageId,
      page: {
        url: cut(scrubUrl(window.location.href), URL_BYTES),
        referrer: document.referrer && cut(scrubUrl(document.referrer), URL_BYTES),
        viewport: [window.innerWidth, window.innerHeight],
      },
      user: this.user,
      release,
      environment,
    };
  }
}

/** Up to 64 attributes as strings; keys up to 64, values up to 1024 bytes: what the wire accepts. */
function toStrings(attributes: Record<string, unknown> | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(attributes ?? {})
      .slice(0, 64)
      .map(([key, value]) => [cut(key, 64), cut(String(value), 1024)])
  );
}
