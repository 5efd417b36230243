export type Status = 'loading' | 'paused' | 'playing' | 'buffering' | 'ended' | 'error';

export interface PlayerState {
  status: Status;
  /** Whether it plays, or will as soon as it can. */
  wantsToPlay: boolean;
  /** The window that is shown. */
  windowId: string;
  /** Why nothing is shown, in words; '' when there is no error. */
  error: string;
  /** Trying again may help. */
  canRetry: boolean;
}

export type PlayerAction =
  | { type: 'load' }
  | { type: 'shown'; windowId: string }
  | { type: 'play' }
  | { type: 'pause' }
  | { type: 'stall' }
  | { type: 'resume' }
  | { type: 'end' }
  | { type: 'fail'; error: string; canRetry: boolean };

export const INITIAL_STATE: PlayerState = {
  status: 'loading',
  wantsToPlay: false,
  windowId: '',
  error: '',
  canRetry: false,
};

export function reduceStatus(state: PlayerState, action: PlayerAction): PlayerState {
  switch (action.type) {
    case 'load':
      // With a picture on the screen it is only a pause for breath.
      return { ...state, status: state.windowId === '' ? 'loading' : 'buffering', error: '', canRetry: false };
    case 'shown':
      return {
        ...state,
        status: restingStatus(state.wantsToPlay),
        windowId: action.windowId,
        error: '',
        canRetry: false,
      };
    case 'play':
      return { ...state, wantsToPlay: true, status: isWaiting(state) ? state.status : 'playing' };
    case 'pause':
      return { ...state, wantsToPlay: false, status: state.status === 'playing' ? 'paused' : state.status };
    case 'stall':
      return { ...state, status: 'buffering' };
    case 'resume':
      return { ...state, status: restingStatus(state.wantsToPlay) };
    case 'end':
      return { ...state, status: 'ended', wantsToPlay: false };
    case 'fail':
      return { ...state, status: 'error', wantsToPlay: false, error: action.error, canRetry: action.canRetry };
  }
}

function restingStatus(wantsToPlay: boolean): Status {
  return wantsToPlay ? 'playing' : 'paused';
}

function isWaiting({ status }: PlayerState): boolean {
  return status === 'loading' || status === 'buffering' || status === 'error';
}
