import { useEffect, useMemo, useReducer, useRef, useState } from 'react';

import type { RecordingSource } from './playback/api';
import { Playback } from './playback/Playback';
import { Playhead } from './playback/Playhead';
import { INITIAL_STATE, type PlayerState, reduceStatus } from './playback/status';

export interface ReplayerProps {
  source: RecordingSource;
  sessionId: string;
  at?: number;
  windowId?: string;
  /** The element in the sealed frame, once there is one. */
  root: HTMLElement | undefined;
}

/** What the user has chosen; it outlives a change of the session. */
interface Choices {
  speed: number;
  skipsInactivity: boolean;
  /** The only window to show; undefined follows the user's activity. */
  pinned: string | undefined;
}

export interface Replayer extends Choices {
  state: PlayerState;
  playhead: Playhead;
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
  const [attempt, setAttempt] = useState(0);
  const [choices, setChoices] = useState<Choices>({ speed: 1, skipsInactivity: false, pinned: windowId });
  const playhead = useMemo(() => new Playhead(), []);
  const playback = useRef<Playback | undefined>(undefined);
  const { manifest, skippedMs } = state;

  // Read when a session begins; a change afterwards must not begin it anew.
  const beginning = useRef({ at, choices });
  useEffect(() => {
    beginning.current = { at, choices };
  }, [at, choices]);

  useEffect(() => {
    const controller = new AbortController();
    dispatch({ type: 'open' });
    source.manifest(sessionId, controller.signal).then(
      (loaded) => !controller.signal.aborted && dispatch({ type: 'manifest', manifest: loaded }),
      (error: unknown) => !controller.signal.aborted && dispatch({ type: 'fail', error })
    );
    return () => controller.abort();
  }, [source, sessionId, attempt]);

  useEffect(() => {
    if (!manifest || !root) {
      return;
    }
    let over = false;
    const begin = async () => {
      const { Replay } = await import('./replayer/Replay');
      if (over) {
        return;
      }
      const options = {
        root,
        mouseTail: !window.matchMedia('(prefers-reduced-motion: reduce)').matches,
        onSize: (size: { width: number; height: number }) => dispatch({ type: 'size', size }),
        onBlocked: () => dispatch({ type: 'blocked' }),
      };
      const begun = new Playback({
        source,
        sessionId,
        manifest,
        playhead,
        dispatch,
        createReplay: (events) => new Replay({ ...options, events }),
      });
      playback.current = begun;
      start(begun, beginning.current);
    };
    begin().catch((error: unknown) => !over && dispatch({ type: 'fail', error }));
    return () => {
      over = true;
      playback.current?.destroy();
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
    if (skippedMs > 0) {
      const timer = setTimeout(() => dispatch({ type: 'skip', skippedMs: 0 }), SKIP_NOTICE_MS);
      return () => clearTimeout(timer);
    }
    return undefined;
  }, [skippedMs]);

  const controls = useMemo(
    () => ({
      play: () => playback.current?.play(),
      pause: () => playback.current?.pause(),
      seek: (ts: number) => playback.current?.seek(ts),
      retry: () => (playback.current ? playback.current.seek(playhead.timestamp()) : setAttempt((count) => count + 1)),
      setSpeed: (speed: number) => {
        setChoices((others) => ({ ...others, speed }));
        playback.current?.setSpeed(speed);
      },
      setSkipsInactivity: (skipsInactivity: boolean) => {
        setChoices((others) => ({ ...others, skipsInactivity }));
        playback.current?.setSkipsInactivity(skipsInactivity);
      },
      pin: (pinned: string | undefined) => {
        setChoices((others) => ({ ...others, pinned }));
        playback.current?.pin(pinned);
      },
    }),
    [playhead]
  );

  return { state, playhead, ...choices, ...controls };
}

function start(playback: Playback, { at, choices }: { at: number | undefined; choices: Choices }): void {
  playback.setSpeed(choices.speed);
  playback.setSkipsInactivity(choices.skipsInactivity);
  playback.pin(choices.pinned, at ?? playback.start);
}
