import { expect, test } from 'vitest';
import { isKeptLock } from '../../faults/guests.js';

const fstab = [
  '/dev/disk/by-id/virtio-1 /shares/share-a ext4 defaults,nofail,x-hawser.share=a 0 2',
  '/dev/disk/by-id/virtio-2 /shares/share-b.lock ext4 defaults,nofail,x-hawser.share=b 0 2',
].join('\n');

test.each([
  ['hawser-fstab', true],
  ['hawser-exports', true],
  ['hawser-resize-1bd4cc8a-2a24-4a68-a', true],
  ['hawser-freeze-a', true],
  ['hawser-freeze-a.lock', true],
  ['hawser-freeze-gone', false],
  ['hawser-freeze-gone.lock', false],
  ['hawser-freeze-a-copy', false],
  ['hawser-close-share-a', false],
  ['hawser-other.lock', false],
])('%s stays while share a is there: %s', (name, kept) => {
  expect(isKeptLock(name, fstab)).toBe(kept);
});

test("notes on a freeze are nobody's where no share is", () => {
  expect(isKeptLock('hawser-freeze-a', '')).toBe(false);
});
