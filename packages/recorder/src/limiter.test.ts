import { Limiter } from './limiter';

it('lets so many pass in each window and counts the rest', () => {
  let now = 0;
  const limiter = new Limiter(2, 1000, () => now);
  expect([limiter.allow(), limiter.allow(), limiter.allow(), limiter.allow()]).toEqual([true, true, false, false]);
  expect(limiter.takeDropped()).toBe(2);
  expect(limiter.takeDropped()).toBe(0);
  now = 1000;
  expect(limiter.allow()).toBe(true);
});
