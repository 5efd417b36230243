import { type CustomPayloads, type EmitCustom } from '../custom-events';
import { type Faults } from '../faults';
import { type Limiter } from '../limiter';
import { cut } from '../text';
import { scrubText } from '../url';
import { describe } from './describe';

const STACK_BYTES = 8192;

/** Records uncaught errors and unhandled rejections. Returns how to stop. */
export function captureErrors(target: Window, emit: EmitCustom, limiter: Limiter, faults: Faults): () => void {
  const record = (source: CustomPayloads['error']['source'], thrown: unknown, message: string) => {
    if (!limiter.allow()) {
      return;
    }
    const error = thrown instanceof Error ? thrown : undefined;
    emit('error', {
      'exception.type': cut(String(error?.name ?? 'Error')),
      'exception.message': cut(scrubText(String(error?.message ?? message))),
      'exception.stacktrace': error?.stack ? cut(scrubText(error.stack), STACK_BYTES) : undefined,
      source,
    });
  };
  const onError = faults.guard((event: ErrorEvent) => record('error', event.error, event.message));
  const onRejection = faults.guard((event: PromiseRejectionEvent) =>
    record('unhandledrejection', event.reason, describe(event.reason))
  );

  target.addEventListener('error', onError);
  target.addEventListener('unhandledrejection', onRejection);
  return () => {
    target.removeEventListener('error', onError);
    target.removeEventListener('unhandledrejection', onRejection);
  };
}
