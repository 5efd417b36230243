import { useCallback, useEffect, useReducer, useRef } from 'react';

import type { Session } from '../shared/session';
import type { ListSessions, SessionsPage, SessionsRequest } from './api';
import { resolveRange, type SessionFilters } from './filters';

const PAGE_SIZE = 50;

export interface SessionsState {
  status: 'loading' | 'loading-more' | 'ready' | 'error';
  sessions: Session[];
  /** Cursor of the next page; empty when everything is listed. */
  next: string;
  /** Why the last request did not succeed; empty unless status is `error`. */
  error: string;
}

type Action =
  | { type: 'start' }
  | { type: 'start-more' }
  | { type: 'loaded'; page: SessionsPage }
  | { type: 'loaded-more'; page: SessionsPage }
  | { type: 'refused'; error: string };

const initial: SessionsState = { status: 'loading', sessions: [], next: '', error: '' };

function reduce(state: SessionsState, action: Action): SessionsState {
  switch (action.type) {
    case 'start':
      return initial;
    case 'start-more':
      return { ...state, status: 'loading-more', error: '' };
    case 'loaded':
      return { status: 'ready', sessions: action.page.sessions, next: action.page.next, error: '' };
    case 'loaded-more':
      return {
        status: 'ready',
        sessions: [...state.sessions, ...action.page.sessions],
        next: action.page.next,
        error: '',
      };
    case 'refused':
      return { ...state, status: 'error', error: action.error };
  }
}

/** Lists the sessions that match; reload asks again, loadMore adds the next page. */
export function useSessions(list: ListSessions, filters: SessionFilters) {
  const [state, dispatch] = useReducer(reduce, initial);
  // The range of the first page also holds for the following ones, or "now" would move between pages.
  const firstPage = useRef<SessionsRequest>();
  const running = useRef<AbortController>();
  const { from, to, user, url, errors, q } = filters;

  const run = useCallback(
    async (request: SessionsRequest, done: 'loaded' | 'loaded-more') => {
      running.current?.abort();
      const controller = new AbortController();
      running.current = controller;
      try {
        const page = await list(request, controller.signal);
        if (!controller.signal.aborted) {
          dispatch({ type: done, page });
        }
      } catch (error) {
        if (!controller.signal.aborted) {
          dispatch({ type: 'refused', error: error instanceof Error ? error.message : String(error) });
        }
      }
    },
    [list]
  );

  const reload = useCallback(() => {
    const range = resolveRange({ from, to, user, url, errors, q });
    const request = {
      from: range.from.valueOf(),
      to: range.to.valueOf(),
      user,
      url,
      errors,
      q,
      before: '',
      limit: PAGE_SIZE,
    };
    firstPage.current = request;
    dispatch({ type: 'start' });
    void run(request, 'loaded');
  }, [run, from, to, user, url, errors, q]);

  const loadMore = useCallback(() => {
    if (firstPage.current && state.next !== '') {
      dispatch({ type: 'start-more' });
      void run({ ...firstPage.current, before: state.next }, 'loaded-more');
    }
  }, [run, state.next]);

  useEffect(() => {
    reload();
    return () => running.current?.abort();
  }, [reload]);

  return { ...state, reload, loadMore };
}
