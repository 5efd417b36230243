import { type CustomPayloads, type EmitCustom } from '../custom-events';
import { type Faults } from '../faults';
import { patch } from '../patch';
import { cut } from '../text';
import { scrubUrl } from '../url';

type NavigationType = CustomPayloads['navigation']['navigation.type'];

/** Records changes of the URL within a document. Returns how to stop. */
export function captureNavigation(target: Window, emit: EmitCustom, faults: Faults): () => void {
  let active = true;
  let last = target.location.href;

  const check = faults.guard((type: NavigationType) => {
    const href = target.location.href;
    if (!active || href === last) {
      return;
    }
    const onlyHash = href.split('#')[0] === last.split('#')[0];
    last = href;
    emit('navigation', {
      'url.full': cut(scrubUrl(href)),
      'navigation.type': type === 'pop' && onlyHash ? 'hash' : type,
    });
  });
  const onPop = () => check('pop');
  // Comes after popstate, which has reported the change already; alone only in old browsers.
  const onHash = () => check('hash');

  const wrap = (type: NavigationType) => (original: History['pushState']) =>
    function (this: History, ...args: Parameters<History['pushState']>) {
      original.apply(this, args);
      check(type);
    };
  const undo = [
    patch(target.history, 'pushState', wrap('push')),
    patch(target.history, 'replaceState', wrap('replace')),
  ];
  target.addEventListener('popstate', onPop);
  target.addEventListener('hashchange', onHash);
  return () => {
    active = false;
    undo.forEach((restore) => restore());
    target.removeEventListener('popstate', onPop);
    target.removeEventListener('hashchange', onHash);
  };
}
