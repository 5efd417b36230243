import { record } from '@rrweb/record';
import { EventType, type eventWithTime } from '@rrweb/types';
import { toStrings } from './attributes';
import { Buffer } from './buffer';
import { captureClicks } from './capture/clicks';
import { captureConsole } from './capture/console';
import { captureErrors } from './capture/errors';
import { captureFetch, type NetworkConfig } from './capture/fetch';
import { captureLongFrames } from './capture/long-frames';
import { captureNavigation } from './capture/navigation';
import { captureVitals } from './capture/vitals';
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
import { cut, utf8 } from './text';
import { scrubUrl } from './url';
import { WindowIdentity } from './window-identity';
import { type Reply, type Segment, type SegmentContext, type User } from './wire';

/** What the header line of a segment has besides its context. */
const HEADER_REST_BYTES = 512;
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
  private reportVitals: (() => void) | undefined;
  private pageId: string;
  private user: User | undefined;
  /** rrweb takes its first snapshot when the document is parsed; before, it cannot take another. */
  private snapshotTaken = false;
  private startReported = false;
  /** Events were lost: what follows cannot be replayed until the next snapshot. */
  private snapshotWanted = false;
  /** The server refused a snapshot of this page; another one would be refused as well. */
  private snapshotRefused = false;
  /** The session was refused and nothing of the one that followed is stored yet. */
  private renewed = false;

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
    this.sender = new Sender(
      {
        url: settings.segmentsUrl,
        key: settings.key,
        fetch: window.fetch.bind(window),
        compress: gzipOf(),
        now: this.now,
        random: Math.random,
        tokenOf: (sessionId) => this.session.tokenOf(sessionId),
        takeSeq: (sessionId, skip) => this.window.takeSeq(sessionId, skip),
        onStored: (segment, reply, caughtUp) => this.onStored(segment, reply, caughtUp),
        onDropped: (segment, events, reason) => this.onDropped(segment, events, reason),
        onSessionRefused: (sessionId) => this.onSessionRefused(sessionId),
        onStop: () => this.shutDown(),
      },
      this.faults
    );
    this.buffer = new Buffer(
      {
        context: () => this.context(),
        closing: () => this.losses(),
        onSegment: (segment) => this.sender.enqueue(segment),
      },
      this.faults
    );
  }

  start(): void {
    // A page that is prerendered may never be seen.
    if ((document as Document & { prerendering?: boolean }).prerendering) {
      const begin = this.faults.guard(() => {
        this.pageId = uuidv7(this.now()); // it says when the page began, which is when it is shown
        this.begin();
      });
      document.addEventListener('prerenderingchange', begin, { once: true });
      this.undo.push(() => document.removeEventListener('prerenderingchange', begin));
    } else {
      this.begin();
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

  private begin(): void {
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

  private beginRecording(): void {
    const { faults, limiters, privacy } = this;
    const emit: EmitCustom = (kind, payload) => this.emit(kind, payload);
    this.recording = this.session.current();
    this.snapshotTaken = false;
    const stopRrweb = record<eventWithTime>({
      emit: faults.guard((event: eventWithTime) => this.onEvent(event)),
      errorHandler: (error) => this.onRrwebError(error),
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
    const vitals = captureVitals(emit, faults);
    this.reportVitals = vitals.report;
    const undo = [
      () => stopRrweb?.(),
      vitals.stop,
      captureClicks(window, record.mirror, privacy, emit, faults),
      captureConsole(window.console, emit, limiters.console, faults),
      captureErrors(window, emit, limiters.error, faults),
      captureNavigation(window, emit, faults),
      captureLongFrames(emit, limiters.long_frame, faults),
    ];
    this.stopRecording = () => undo.forEach((stop) => faults.run(stop));
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
    // DomContentLoaded says nothing to a player and would be a segment of its own, as the snapshot comes after it.
    if (!this.recording || event.type === EventType.DomContentLoaded || this.session.isOver()) {
      return;
    }
    if (!this.filter.apply(event)) {
      return;
    }
    if (event.type === EventType.Meta) {
      // A page, or a checkout, begins a segment.
      this.buffer.seal();
      this.buffer.add(event);
    } else if (event.type === EventType.FullSnapshot) {
      this.buffer.addSnapshot(event);
      this.snapshotTaken = true;
      this.snapshotWanted = false;
      if (!this.startReported) {
        this.startReported = true;
        this.emit('state', { state: 'started' });
      }
    } else {
      this.buffer.add(event);
    }
  }

  private emit<K extends keyof CustomPayloads>(kind: K, payload: CustomPayloads[K]): void {
    if (this.recording && !this.session.isOver()) {
      this.buffer.add(this.customEvent(kind, payload));
    }
  }

  private customEvent<K extends keyof CustomPayloads>(kind: K, payload: CustomPayloads[K]): unknown {
    return { type: EventType.Custom, timestamp: this.now(), data: { tag: 'playhead.' + kind, payload } };
  }

  /** What could not be recorded since the last segment. */
  private losses(): unknown[] {
    const counts: Array<[reason: string, count: number]> = [
      ['recorder_error', this.faults.take()],
      ...Object.entries(this.limiters).map(([kind, limiter]): [string, number] => [kind, limiter.takeDropped()]),
    ];
    return counts
      .filter(([, count]) => count > 0)
      .map(([reason, count]) => this.customEvent('state', { state: 'dropped', reason, count }));
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
    this.snapshotRefused = false;
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
    this.reportVitals?.();
    const header = utf8(JSON.stringify(this.context())).length + HEADER_REST_BYTES;
    this.buffer.seal(final, this.sender.keepaliveRoom() - header);
    this.sender.flushOnHide();
    this.window.release();
  }

  private onRestore(): void {
    this.window.hold();
    this.buffer.seal();
    this.pageId = uuidv7(this.now());
    this.snapshotRefused = false;
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
    // OpenTelemetry's mark: a tracer that was there first sets its own traceparent after us, over ours.
    const traced = '__original' in window.fetch;
    const config: NetworkConfig = {
      pageOrigin: () => window.location.origin,
      traceOrigins: this.settings.traceOrigins,
      sessionId: () => this.session.current().id,
      // A trace is asked for only where a replay will link to it.
      startsTraces: () => this.recording !== undefined && !traced,
      isOwn: (url) => url.href.startsWith(this.settings.segmentsUrl),
      now: this.now,
      emit: (request) => this.emit('request', request),
    };
    return [captureFetch(window, config, this.faults), captureXhr(XMLHttpRequest, config, this.faults)];
  }

  private onStored(segment: Segment, reply: Reply, caughtUp: boolean): void {
    this.renewed = false;
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
    if (segment.context.session.id === this.recording?.id) {
      this.snapshotRefused ||= segment.snapshot && reason !== 'memory';
      this.snapshotWanted = true;
    }
    this.emit('state', { state: 'dropped', reason, count: events });
  }

  /** The server has segments of this session and no proof that they are ours: what follows is another session. */
  private onSessionRefused(sessionId: string): boolean {
    if (sessionId === this.session.current().id) {
      if (this.renewed) {
        return false;
      }
      this.renewed = true;
      this.session.renew();
      this.changeSession();
    }
    return true;
  }

  /**
   * rrweb calls the page's own `insertRule` and the like inside its error handling. What they throw is a DOMException
   * and the page's to see; anything else is rrweb's fault and kept from the page, which `true` asks for.
   */
  private onRrwebError(error: unknown): boolean {
    if (error instanceof DOMException) {
      return false;
    }
    this.faults.note();
    return true;
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
