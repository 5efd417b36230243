import { useCallback, useEffect, useMemo, useReducer, useRef, useState } from 'react';

import type { Gap, Manifest, RecordingSource } from './playback/api';
import { PlaybackError } from './playback/api';
import { Playback } from './playback/Playback';
import { Playhead } from './playback/Playhead';
import { INITIAL_STATE, type PlayerState, reduceStatus } from './playback/status';
import type { Size } from './replayer/Replay';

export interface ReplayerProps {
  source: RecordingSource;
  sessionId: string;
  at?: number;
  windowId?: string;
  /** The element in the sealed frame, once there is one. */
  root: HTMLElement | undefined;
}

export interface Replayer {
  state: PlayerState;
  manifest: Manifest | undefined;
  playhead: Playhead;
  /** Gaps that only showed when their segments were loaded, by window. */
  foundGaps: Record<string, Gap[]>;
  /** Size of the recorded viewport, CSS pixels. */
  size: Size | undefined;
  /** Something of another site was not loaded. */
  blocked: boolean;
  skippedMs: number;
  speed: number;
  skipsInactivity: boolean;
  /** The window chosen by hand; undefined follows the user's activity. */
  pinned: string | undefined;
  play: () => void;
  pause: () => void;
  seek: (ts: number) => void;
  retry: () => void;
  setSpeed: (speed: number) => void;
  setSkipsInactivity: (skips: boolean) => void;
  pin: (windowId: string | undefined) => void;
}

/** How long the notice of a jump over inactivity stays. */
const SKIP_NOTICE_MS = 2_000;

/** Loads a session's manifest, and creates and destroys what plays it. */
export function useReplayer({ source, sessionId, at, windowId, root }: ReplayerProps): Replayer {
  const [state, dispatch] = useReducer(reduceStatus, INITIAL_STATE);
  const [manifest, setManifest] = useState<Manifest>();
  const [attempt, setAttempt] = useState(0);
  const [foundGaps, setFoundGaps] = useState<Record<string, Gap[]>>({});
  const [size, setSize] = useState<Size>();
  const [blocked, setBlocked] = useState(false);
  const [skippedMs, setSkippedMs] = useState(0);
  const [speed, setSpeed] = useState(1);
  const [skipsInactivity, setSkipsInactivity] = useState(false);
  const [pinned, setPinned] = useState(windowId);
  const playhead = useMemo(() => new Playhead(), []);
  const playback = useRef<Playback>();
  const beginning = useRef({ at, pinned, speed, skipsInactivity });
  beginning.current = { at, pinned, speed, skipsInactivity };

  useEffect(() => {
    const controller = new AbortController();
    setManifest(undefined);
    setFoundGaps({});
    setBlocked(false);
    dispatch({ type: 'load' });
    source.manifest(sessionId, controller.signal).then(setManifest, (error: unknown) => {
      if (!controller.signal.aborted) {
        dispatch(failure(error));
      }
    });
    return () => controller.abort();
  }, [source, sessionId, attempt]);

  useEffect(() => {
    if (!manifest || !root) {
      return;
    }
    let current: Playback | undefined;
    let over = false;
    const reducedMotion = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
    const begin = async () => {
      const { Replay } = await import('./replayer/Replay');
      if (over) {
        return;
      }
      current = new Playback({
        source,
        sessionId,
        manifest,
        playhead,
        dispatch,
        createReplay: (options) =>
          new Replay({
            ...options,
            root,
            mouseTail: !reducedMotion,
            onSize: setSize,
            onBlocked: () => setBlocked(true),
          }),
        onGap: (gapWindow, gap) => setFoundGaps((gaps) => withGap(gaps, gapWindow, gap)),
        onSkip: setSkippedMs,
      });
      playback.current = current;
      const { at: first, pinned: only, ...rest } = beginning.current;
      current.setSpeed(rest.speed);
      current.setSkipsInactivity(rest.skipsInactivity);
      current.pin(only, first ?? current.start);
    };
    begin().catch((error: unknown) => !over && dispatch(failure(error)));
    return () => {
      over = true;
      current?.destroy();
      playback.current = undefined;
    };
  }, [source, sessionId, manifest, root, playhead]);

  useEffect(() => {
    if (at !== undefined) {
      playback.current?.seek(at);
    }
  }, [at]);

  useEffect(() => {
    const follow = () => playback.current?.setHidden(document.hidden);
    document.addEventListener('visibilitychange', follow);
    return () => document.removeEventListener('visibilitychange', follow);
  }, []);

  useEffect(() => {
    if (skippedMs === 0) {
      return;
    }
    const timer = setTimeout(() => setSkippedMs(0), SKIP_NOTICE_MS);
    return () => clearTimeout(timer);
  }, [skippedMs]);

  return {
    state,
    manifest,
    playhead,
    foundGaps,
    size,
    blocked,
    skippedMs,
    speed,
    skipsInactivity,
    pinned,
    play: useCallback(() => playback.current?.play(), []),
    pause: useCallback(() => playback.current?.pause(), []),
    seek: useCallback((ts: number) => playback.current?.seek(ts), []),
    retry: useCallback(() => {
      if (playback.current) {
        playback.current.seek(playhead.timestamp());
      } else {
        setAttempt((count) => count + 1);
      }
    }, [playhead]),
    setSpeed: useCallback((next: number) => {
      setSpeed(next);
      playback.current?.setSpeed(next);
    }, []),
    setSkipsInactivity: useCallback((skips: boolean) => {
      setSkipsInactivity(skips);
      playback.current?.setSkipsInactivity(skips);
    }, []),
    pin: useCallback((only: string | undefined) => {
      setPinned(only);
      playback.current?.pin(only);
    }, []),
  };
}

function failure(error: unknown) {
  const refused = error instanceof PlaybackError && error.status >= 400 && error.status < 500;
  const message = error instanceof Error ? error.message : String(error);
  return { type: 'fail', error: message, canRetry: !refused } as const;
}

function withGap(gaps: Record<string, Gap[]>, windowId: string, gap: Gap): Record<string, Gap[]> {
  const known = gaps[windowId] ?? [];
  return known.some((other) => other.start === gap.start) ? gaps : { ...gaps, [windowId]: [...known, gap] };
}
