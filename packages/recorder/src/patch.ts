/**
 * Replaces a method and returns how to undo it. When somebody has wrapped the replacement in the meantime it cannot be
 * taken out; `wrap` must therefore give way by itself once its owner has stopped.
 */
export function patch<T extends object, K extends keyof T>(
  target: T,
  name: K,
  wrap: (original: T[K]) => T[K]
): () => void {
  const own = Object.prototype.hasOwnProperty.call(target, name);
  const original = target[name];
  const replacement = wrap(original);
  target[name] = replacement;
  return () => {
    if (target[name] !== replacement) {
      return;
    }
    if (own) {
      target[name] = original;
    } else {
      // It was inherited: leaving our copy of it behind would hide later changes of the prototype.
      delete target[name];
    }
  };
}
