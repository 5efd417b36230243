import { isRecord, type UnknownRecord } from '../../shared/narrowing';

// No policy covers these: the browser opens a connection at once.
const HINTS = ['preconnect', 'dns-prefetch', 'prefetch', 'preload', 'modulepreload', 'prerender'];
// Chromium connects to the address of a frame before it asks the policy whether it may be loaded. rrweb records what
// is inside frames of the same origin, and moves the address of others to rr_src.
const FRAMES = ['iframe', 'frame', 'object', 'embed'];
const FRAME_ADDRESSES = ['src', 'srcdoc', 'data'];
// With the policy hardly anything could be heard, and rrweb leaves refused play() calls unhandled.
const STARTS_MEDIA = ['autoplay', 'rr_mediastate'];

/**
 * Takes out of a recording what the policy of the sealed frame cannot hold back. One per span, because a frame that
 * comes without an address can get one later.
 */
export class Stripper {
  private readonly frames = new Set<unknown>();

  /** The tree of a full snapshot or of an added node, in place. */
  tree(root: unknown): void {
    const nodes = [root];
    while (nodes.length > 0) {
      const node = nodes.pop();
      if (!isRecord(node)) {
        continue;
      }
      if (typeof node.tagName === 'string' && FRAMES.includes(node.tagName.toLowerCase())) {
        this.frames.add(node.id);
      }
      this.attributes(node.id, node.attributes);
      if (Array.isArray(node.childNodes)) {
        node.childNodes.forEach((child) => nodes.push(child));
      }
    }
  }

  /** A mutation, in place. */
  mutation({ adds, attributes }: UnknownRecord): void {
    if (Array.isArray(adds)) {
      adds.filter(isRecord).forEach((add) => this.tree(add.node));
    }
    if (Array.isArray(attributes)) {
      attributes.filter(isRecord).forEach((change) => this.attributes(change.id, change.attributes));
    }
  }

  private attributes(id: unknown, attributes: unknown): void {
    if (!isRecord(attributes)) {
      return;
    }
    for (const name of Object.keys(attributes)) {
      if (this.isForbidden(id, name.toLowerCase(), attributes[name])) {
        delete attributes[name];
      }
    }
  }

  private isForbidden(id: unknown, name: string, value: unknown): boolean {
    return (
      STARTS_MEDIA.includes(name) ||
      (name === 'rel' && isHint(value)) ||
      (FRAME_ADDRESSES.includes(name) && this.frames.has(id))
    );
  }
}

function isHint(rel: unknown): boolean {
  const words = String(rel).toLowerCase().split(/\s+/);
  return words.some((word) => HINTS.includes(word));
}
