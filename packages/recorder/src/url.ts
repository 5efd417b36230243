/** What stands in the place of a removed value. */
const REMOVED = '*';

/**
 * Removes from a URL what may hold a secret or a person: userinfo, fragment and the values of the query (keys stay,
 * `?page=2&token` becomes `?page=*&*`). A relative URL is resolved against `base` first. Of schemes without a host only
 * the scheme stays (`mailto:*`), except `data:`, `blob:` and `about:`, which a replay needs and which name nobody.
 */
export function scrubUrl(raw: string, base: string = document.baseURI): string {
  // Nearly all are like this, and parsing would cost more than all other rules together.
  const plain = /^(https?:\/\/[^?#@\s\\]+)(?:\?([^#\s]*))?(?:#\S*)?$/.exec(raw);
  if (plain) {
    return plain[1] + scrubQuery(plain[2] ?? '');
  }
  let url: URL;
  try {
    url = new URL(raw, base);
  } catch {
    return REMOVED;
  }
  if (/^(data|blob|about):/.test(url.protocol)) {
    return raw;
  }
  if (!url.host && url.protocol !== 'file:') {
    return url.protocol + REMOVED;
  }
  return url.protocol + '//' + url.host + url.pathname + scrubQuery(url.search.slice(1));
}

function scrubQuery(query: string): string {
  const pairs = query.split('&').filter(Boolean);
  const scrubbed = pairs.map((pair) => {
    const end = pair.indexOf('=');
    return end < 0 ? REMOVED : pair.slice(0, end + 1) + REMOVED;
  });
  return scrubbed.length > 0 ? '?' + scrubbed.join('&') : '';
}

/** Scrubs the http(s) URLs inside a text; `:line:column` of a stack frame stays. */
export function scrubText(text: string): string {
  return text.replace(/\bhttps?:\/\/[^\s"'<>()]*[^\s"'<>().,;:]/g, (url) => {
    if (!/[?#@]/.test(url)) {
      return url;
    }
    const position = /(:\d+){1,2}$/.exec(url)?.[0] ?? '';
    return scrubUrl(url.slice(0, url.length - position.length)) + position;
  });
}
