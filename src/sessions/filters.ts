import { dateMath, dateTime, type RawTimeRange, rangeUtil, type TimeRange } from '@grafana/data';

/** Which sessions are listed, as it stands in the address of the page. */
export interface SessionFilters {
  /** Relative (`now-6h`) or ms since the epoch, as text. */
  from: string;
  to: string;
  /** Exact user id. */
  user: string;
  /** Part of a URL. */
  url: string;
  errors: boolean;
  /** In the search language of docs/format/playback.md: an id, text, `key:value` pairs. */
  q: string;
}

export const defaultFilters: SessionFilters = { from: 'now-24h', to: 'now', user: '', url: '', errors: false, q: '' };

export function readFilters(params: URLSearchParams): SessionFilters {
  return {
    from: readInstant(params.get('from'), defaultFilters.from),
    to: readInstant(params.get('to'), defaultFilters.to),
    user: params.get('user') ?? '',
    url: params.get('url') ?? '',
    errors: params.get('errors') === 'true',
    q: params.get('q') ?? '',
  };
}

/** Puts the filters into params and leaves every other parameter alone. Defaults are not written. */
export function writeFilters(params: URLSearchParams, filters: SessionFilters): URLSearchParams {
  const written = new URLSearchParams(params);
  for (const key of ['from', 'to', 'user', 'url', 'q'] as const) {
    setOrDelete(written, key, filters[key] === defaultFilters[key] ? '' : filters[key]);
  }
  setOrDelete(written, 'errors', filters.errors ? 'true' : '');
  return written;
}

function setOrDelete(params: URLSearchParams, key: string, value: string) {
  if (value === '') {
    params.delete(key);
  } else {
    params.set(key, value);
  }
}

/** Whether anything but the time range narrows the list. */
export function isFiltered(filters: SessionFilters): boolean {
  return filters.user !== '' || filters.url !== '' || filters.q !== '' || filters.errors;
}

export function resolveRange(filters: SessionFilters): TimeRange {
  return rangeUtil.convertRawToRange({ from: rawInstant(filters.from), to: rawInstant(filters.to) });
}

export function withRange(filters: SessionFilters, raw: RawTimeRange): SessionFilters {
  return { ...filters, from: instantText(raw.from), to: instantText(raw.to) };
}

const isEpoch = (text: string) => /^\d{1,16}$/.test(text);

function readInstant(text: string | null, fallback: string): string {
  return text !== null && (isEpoch(text) || dateMath.isValid(text)) ? text : fallback;
}

function rawInstant(text: string): RawTimeRange['from'] {
  return isEpoch(text) ? dateTime(Number(text)) : text;
}

function instantText(instant: RawTimeRange['from']): string {
  return typeof instant === 'string' ? instant : String(instant.valueOf());
}
