import type { Size } from '../replayer/Replay';
import { type Gap, type Manifest, PlaybackError, UNPLAYABLE } from './api';

const TOO_MANY_REQUESTS = 429;

export type Status = 'loading' | 'paused' | 'playing' | 'buffering' | 'ended' | 'error';

export interface PlayerState {
  status: Status;
  /** Whether it plays, or will as soon as it can. */
  wantsToPlay: boolean;
  manifest: Manifest | undefined;
  /** The window that is shown; '' before the first picture. */
  windowId: string;
  /** Size of the recorded viewport, CSS pixels. */
  size: Size | undefined;
  /** Gaps that only showed when their segments were loaded, by window. */
  foundGaps: Record<string, Gap[]>;
  /** Something of another site was not loaded. */
  blocked: boolean;
  /** How much inactivity was jumped over just now; 0 when the notice of it is gone. */
  skippedMs: number;
  /** Why nothing is shown, in words; '' when there is no error. */
  error: string;
  /** Trying again may help. */
  canRetry: boolean;
}

export type PlayerAction =
  | { type: 'open' }
  | { type: 'manifest'; manifest: Manifest }
  | { type: 'load' }
  | { type: 'shown'; windowId: string }
  | { type: 'play' }
  | { type: 'pause' }
  | { type: 'stall' }
  | { type: 'resume' }
  | { type: 'end' }
  | { type: 'fail'; error: unknown }
  | { type: 'size'; size: Size }
  | { type: 'gap'; windowId: string; gap: Gap }
  | { type: 'blocked' }
  | { type: 'skip'; skippedMs: number };

export const INITIAL_STATE: PlayerState = {
  status: 'loading',
  wantsToPlay: false,
  manifest: undefined,
  windowId: '',
  size: undefined,
  foundGaps: {},
  blocked: false,
  skippedMs: 0,
  error: '',
  canRetry: false,
};

export function reduceStatus(state: PlayerState, action: PlayerAction): PlayerState {
  switch (action.type) {
    case 'open':
      return INITIAL_STATE;
    case 'manifest':
      return { ...state, manifest: action.manifest };
    case 'load':
      // With a picture on the screen it is only a pause for breath.
      return { ...state, ...NO_ERROR, status: state.windowId === '' ? 'loading' : 'buffering' };
    case 'shown':
      return { ...state, ...NO_ERROR, status: restingStatus(state), windowId: action.windowId };
    case 'play':
      return { ...state, wantsToPlay: true, status: isWaiting(state) ? state.status : 'playing' };
    case 'pause':
      return { ...state, wantsToPlay: false, status: state.status === 'playing' ? 'paused' : state.status };
    case 'stall':
      return { ...state, status: 'buffering' };
    case 'resume':
      return { ...state, status: restingStatus(state) };
    case 'end':
      return { ...state, status: 'ended', wantsToPlay: false };
    case 'fail':
      return {
        ...state,
        status: 'error',
        wantsToPlay: false,
        error: messageOf(action.error),
        canRetry: canRetry(action.error),
      };
    default:
      return reduceFindings(state, action);
  }
}

type Finding = Extract<PlayerAction, { type: 'size' | 'gap' | 'blocked' | 'skip' }>;

/** What came up on the way and leaves the status as it is. */
function reduceFindings(state: PlayerState, action: Finding): PlayerState {
  switch (action.type) {
    case 'size':
      return { ...state, size: action.size };
    case 'gap':
      return { ...state, foundGaps: withGap(state.foundGaps, action.windowId, action.gap) };
    case 'blocked':
      return state.blocked ? state : { ...state, blocked: true };
    case 'skip':
      return { ...state, skippedMs: action.skippedMs };
  }
}

const NO_ERROR = { error: '', canRetry: false };

function restingStatus({ wantsToPlay }: PlayerState): Status {
  return wantsToPlay ? 'playing' : 'paused';
}

function isWaiting({ status }: PlayerState): boolean {
  return status === 'loading' || status === 'buffering' || status === 'error';
}

/** A refusal stays one, and so does what was recorded; everything else may have been a bad moment. */
function canRetry(error: unknown): boolean {
  if (!(error instanceof PlaybackError)) {
    return true;
  }
  return (
    error.status !== UNPLAYABLE && !(error.status >= 400 && error.status < 500 && error.status !== TOO_MANY_REQUESTS)
  );
}

function messageOf(error: unknown): string {
  if (error instanceof PlaybackError) {
    return error.message;
  }
  // A browser's own words, such as "network error", say too little alone.
  return `The recording could not be loaded: ${error instanceof Error ? error.message : String(error)}`;
}

function withGap(gaps: Record<string, Gap[]>, windowId: string, gap: Gap): Record<string, Gap[]> {
  const known = gaps[windowId] ?? [];
  return known.some((other) => other.start === gap.start) ? gaps : { ...gaps, [windowId]: [...known, gap] };
}
