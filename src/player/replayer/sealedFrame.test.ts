import { SEALED_DOCUMENT, SEALED_SANDBOX, sealedRoot } from './sealedFrame';

function frameOf(html: string, sandbox = SEALED_SANDBOX): HTMLIFrameElement {
  const frame = document.createElement('iframe');
  frame.setAttribute('sandbox', sandbox);
  document.body.append(frame);
  if (frame.contentDocument) {
    frame.contentDocument.documentElement.innerHTML = html;
  }
  return frame;
}

it('plays in the sealed document', () => {
  expect(sealedRoot(frameOf(SEALED_DOCUMENT)).isConnected).toBe(true);
});

it.each([
  ['the policy is gone', frameOf(SEALED_DOCUMENT.replace(/<meta http-equiv="Content-Security-Policy"[^>]*>/, ''))],
  ['the policy is another', frameOf(SEALED_DOCUMENT.replace("default-src 'none'", 'default-src *'))],
  ['scripts are allowed', frameOf(SEALED_DOCUMENT, 'allow-same-origin allow-scripts')],
  ['the document is another', frameOf('<p>')],
])('refuses to play when %s', (_, frame) => {
  expect(() => sealedRoot(frame)).toThrow('not protected');
});
