import type { Moment } from '../playback/api';
import { groupOf, isFailedRequest } from './describe';

/** How bad a moment is for the user. */
export type Severity = 'error' | 'warning' | 'info';

/** Signals after which the user most likely did not get what they wanted. The others are warnings. */
const GRAVE_SIGNALS: ReadonlySet<string> = new Set([
  'error_click',
  'double_submit',
  'failed_request',
  'frozen_page',
  'error',
  'error_loop',
  'blank_page',
]);

export function severityOf(moment: Moment): Severity {
  switch (groupOf(moment)) {
    case 'signal':
      return GRAVE_SIGNALS.has(moment.name) ? 'error' : 'warning';
    case 'error':
      return 'error';
    default:
      return isFailedRequest(moment) ? 'error' : isDoubtful(moment) ? 'warning' : 'info';
  }
}

function isDoubtful({ kind, name }: Moment): boolean {
  return kind === 'gap' || kind === 'long_frame' || (kind === 'console' && name === 'warn');
}
