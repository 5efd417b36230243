import { scrubText, scrubUrl } from './url';

describe('scrubUrl', () => {
  const tests: Array<[raw: string, scrubbed: string]> = [
    ['https://shop.example/orders/7', 'https://shop.example/orders/7'],
    ['https://shop.example/?page=2&token=s3cret', 'https://shop.example/?page=*&token=*'],
    ['https://shop.example/?s3cret', 'https://shop.example/?*'],
    ['https://shop.example/?a=1&&b=x=y&=z', 'https://shop.example/?a=*&b=*&=*'],
    ['https://shop.example/?', 'https://shop.example/'],
    ['https://shop.example/#/users/jo', 'https://shop.example/'],
    ['https://shop.example/a#b?c=d', 'https://shop.example/a'],
    ['https://jo:s3cret@shop.example/a?b=c', 'https://shop.example/a?b=*'],
    ['https://jo@shop.example', 'https://shop.example/'],
    ['https:\\\\jo:s3cret@shop.example\\a', 'https://shop.example/a'],
    ['/account?token=s3cret', 'https://base.example/account?token=*'],
    ['//cdn.example/x.js?v=1', 'https://cdn.example/x.js?v=*'],
    ['wss://jo:s3cret@shop.example/socket?t=1', 'wss://shop.example/socket?t=*'],
    ['mailto:jo@example.com?subject=s3cret', 'mailto:*'],
    ['tel:+491234', 'tel:*'],
    ['javascript:alert("s3cret")', 'javascript:*'],
    ['data:image/gif;base64,R0lGOD==', 'data:image/gif;base64,R0lGOD=='],
    ['about:blank', 'about:blank'],
    ['file:///home/jo/a.html?x=1', 'file:///home/jo/a.html?x=*'],
    ['https://jo:s3cret@[', '*'],
  ];
  it.each(tests)('%s', (raw, scrubbed) => {
    expect(scrubUrl(raw, 'https://base.example/dir/')).toBe(scrubbed);
  });
});

describe('scrubText', () => {
  const tests: Array<[text: string, scrubbed: string]> = [
    ['no address in here?x=1', 'no address in here?x=1'],
    ['see https://a.example/b?c=d#e.', 'see https://a.example/b?c=*.'],
    ['at f (https://a.example/x.js?v=12:3:45)', 'at f (https://a.example/x.js?v=*:3:45)'],
    ['at https://a.example/x.js:3:45', 'at https://a.example/x.js:3:45'],
    ['"https://u:p@a.example/", \'http://b.example/?q=1\'', '"https://a.example/", \'http://b.example/?q=*\''],
    ['url("https://a.example/i.png?sig=1")', 'url("https://a.example/i.png?sig=*")'],
  ];
  it.each(tests)('%s', (text, scrubbed) => {
    expect(scrubText(text)).toBe(scrubbed);
  });
});
