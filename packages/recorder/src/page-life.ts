import { type Faults } from './faults';

export interface PageLifeHandlers {
  onVisibility: (state: DocumentVisibilityState) => void;
  /** The page may never run again. `final` when it will certainly not come back from the back/forward cache. */
  onHide: (final: boolean) => void;
  /** It came back from the back/forward cache. */
  onRestore: () => void;
  /** The user did something. */
  onActivity: () => void;
  onOnline: () => void;
}

const ACTIVITY = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart', 'scroll'];

/**
 * Tells when the page is shown, hidden, left and used. There is no `unload` and no `beforeunload` listener: both keep
 * pages out of the back/forward cache. Returns how to stop.
 */
export function watchPageLife(target: Window, handlers: PageLifeHandlers, faults: Faults): () => void {
  const controller = new AbortController();
  const { signal } = controller;
  const { document } = target;
  let visibility = document.visibilityState;

  const changeTo = (state: DocumentVisibilityState) => {
    if (state !== visibility) {
      visibility = state;
      handlers.onVisibility(state);
    }
  };
  const listen = (on: EventTarget, type: string, handler: (event: Event) => void, options?: AddEventListenerOptions) =>
    on.addEventListener(type, faults.guard(handler), { signal, ...options });

  listen(document, 'visibilitychange', () => {
    const hidden = document.visibilityState === 'hidden' && visibility !== 'hidden';
    changeTo(document.visibilityState);
    if (hidden) {
      handlers.onHide(false);
    }
  });
  listen(target, 'pagehide', (event) => {
    // Browsers differ in whether visibilitychange comes before or after: said here, it is in the last segment.
    changeTo('hidden');
    handlers.onHide(!(event as PageTransitionEvent).persisted);
  });
  listen(target, 'pageshow', (event) => {
    if ((event as PageTransitionEvent).persisted) {
      handlers.onRestore();
      changeTo(document.visibilityState);
    }
  });
  listen(target, 'online', handlers.onOnline);
  for (const type of ACTIVITY) {
    // Before rrweb's own listeners, so that an event belongs to the session that it begins.
    listen(target, type, (event) => event.isTrusted && handlers.onActivity(), { capture: true, passive: true });
  }
  return () => controller.abort();
}
