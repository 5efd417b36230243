// The text of a document as a reader would find it, whether the page is real or replayed. Runs in the browser, so it
// uses nothing from outside of itself.
export function textOf(root) {
  const skipped = new Set(['SCRIPT', 'STYLE', 'NOSCRIPT', 'TEMPLATE', 'TITLE', 'HEAD', 'IFRAME']);
  const parts = [];
  const walk = (node) => {
    if (node.nodeType === 3) {
      parts.push(node.data);
    } else if (node.nodeType === 1 && !skipped.has(node.nodeName.toUpperCase())) {
      const children = [...(node.shadowRoot?.childNodes ?? []), ...node.childNodes];
      children.forEach(walk);
    }
  };
  walk(root);
  return parts.join(' ').replace(/\s+/g, ' ').trim();
}
